import { assert, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { decodeFile } from "../../src/fabric/playbook.ts"

it("the playbooks of the documentation are playbooks", async () => {
  const text = readFileSync(new URL("../../docs/testing.md", import.meta.url), "utf8")
  const examples = [...text.matchAll(/```toml\n([^]*?)```/g)].map(([, example = ""]) => example)
  assert.isNotEmpty(examples)
  for (const example of examples) {
    const decoded = await decodeFile("example.toml", example)
    assert.isTrue(Result.isSuccess(decoded), Result.isFailure(decoded) ? decoded.failure : "")
  }
})
