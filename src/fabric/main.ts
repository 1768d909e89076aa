#!/usr/bin/env node
/**
 * azure-fabric: an Azure platform of one's own. See `azure-fabric --help`, or with no more than
 *
 *     node src/fabric/main.ts TRANSCRIPT
 *
 * for a platform that a program scripts: IMDS and WireServer on their real addresses, in a network namespace. Every line of standard input is a
 * playbook (JSON, see playbook.ts) that is in force from then on, and answered by `ready` or `refused:` and what is wrong with it. Every
 * request becomes a line of the file TRANSCRIPT (JSON, see transcript.ts) before its answer goes out. The end of standard input
 * ends the program.
 */
import { control } from "./control.ts"

const transcript = process.argv[2] ?? ""
await control(transcript)
