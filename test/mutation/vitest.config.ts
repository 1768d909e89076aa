import { defineConfig } from "vitest/config"
import { Nearest } from "./nearest.ts"

/**
 * The suites that notice a mutant of the agent. Those that read the sources as text, or start processes of their own
 * that load them, cannot. Without isolation Effect is loaded once for each mutant and not once for each file, which is
 * ten times as fast.
 */
export default defineConfig({
  cacheDir: "/tmp/vite",
  test: {
    include: ["test/{domain,layers,programs,services}/**/*.test.ts"],
    isolate: false,
    // A busy machine is no fault of the unmutated agent; Stryker's own deadline ends a mutant that stands still.
    testTimeout: 30_000,
    fsModuleCachePath: "/tmp/vitest",
    sequence: { sequencer: Nearest }
  }
})
