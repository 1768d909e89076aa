import { defineConfig } from "vitest/config"

/** Emulated VMs: one at a time, each takes the whole machine and about a minute. The first run makes the image, in another minute or two. */
export default defineConfig({
  test: { include: ["test/vm/**/*.vm.ts"], fileParallelism: false, testTimeout: 180_000, hookTimeout: 420_000 }
})
