import { defineConfig } from "vitest/config"

export default defineConfig({
  test: { include: ["test/**/*.test.ts", "fabric/test/**/*.test.ts"], exclude: ["test/e2e/**"] }
})
