import { defineConfig } from "vitest/config"

/** Root and real hosts: one file at a time, because the hosts share the machine's two loop devices and its cores. */
export default defineConfig({
  test: { include: ["test/e2e/**/*.e2e.ts"], fileParallelism: false, testTimeout: 180_000, hookTimeout: 300_000 }
})
