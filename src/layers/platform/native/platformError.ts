import * as PlatformError from "effect/PlatformError"
import type { LinuxError } from "../../../errors/LinuxError.ts"

/** Effect's word for an errno, as @effect/platform-node has it. */
export const systemErrorTag = (code: string): PlatformError.SystemErrorTag => {
  switch (code) {
    case "ENOENT":
      return "NotFound"
    case "EACCES":
    case "EPERM":
      return "PermissionDenied"
    case "EEXIST":
      return "AlreadyExists"
    case "EISDIR":
    case "ENOTDIR":
    case "ELOOP":
      return "BadResource"
    case "EBUSY":
      return "Busy"
    default:
      return "Unknown"
  }
}

/** Effect's error for one of the kernel's. */
export const ofLinux = (method: string) => (error: LinuxError): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: systemErrorTag(error.code),
    module: "FileSystem",
    method,
    syscall: error.operation,
    pathOrDescriptor: error.path,
    description: error.detail,
    cause: error
  })
