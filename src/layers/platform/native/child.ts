import type * as Cause from "effect/Cause"
import { done } from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Natives } from "../../../../runtime/natives.d.ts"

/** How long a process group is given to go after its signal, in milliseconds, and how often it is looked at. */
const grace = 1000
const poll = 10

const portion = 64 * 1024

/** How a child ended: with an exit code, or by a signal, as a number. */
export interface Ended {
  readonly code: number | null
  readonly signal: number | null
}

/** A child that runs in a process group of its own. */
export class Child {
  readonly #system: Natives
  readonly pid: number
  #ended: Ended | undefined
  readonly #waiting = new Set<() => void>()

  constructor(system: Natives, pid: number) {
    this.#system = system
    this.pid = pid
  }

  get ended(): Ended | undefined {
    return this.#ended
  }

  /** Told by the runtime. */
  endedUnsafe(ended: Ended): void {
    this.#ended = ended
    for (const told of this.#waiting) told()
    this.#waiting.clear()
  }

  /** Calls back when the child ends; gives what forgets it. */
  onEnd(told: () => void): () => void {
    this.#waiting.add(told)
    return () => this.#waiting.delete(told)
  }

  readonly exit: Effect.Effect<Ended> = Effect.callback((resume) => {
    if (this.#ended !== undefined) return resume(Effect.succeed(this.#ended))
    const forget = this.onEnd(() => {
      if (this.#ended !== undefined) resume(Effect.succeed(this.#ended))
    })
    return Effect.sync(forget)
  })

  /** Whether the child, or something that it has started, is there. */
  get #alive(): boolean {
    return this.#ended === undefined || this.#system.kill(-this.pid, 0) >= 0
  }

  #signal(signal: number): void {
    if (this.#system.kill(-this.pid, signal) < 0 && this.#ended === undefined) this.#system.kill(this.pid, signal)
  }

  /** By the real time, that of tests included: it is about other processes. */
  #goneWithin(milliseconds: number): Effect.Effect<boolean> {
    return Effect.callback((resume) => {
      if (!this.#alive) return resume(Effect.succeed(true))
      const deadline = this.#system.monotonicMs() + milliseconds
      const look = () => {
        const alive = this.#alive
        if (alive && this.#system.monotonicMs() < deadline) return
        stop()
        resume(Effect.succeed(!alive))
      }
      const timer = this.#system.setTimer(Math.min(poll, Math.max(1, milliseconds)), true, look)
      const forget = this.onEnd(look)
      const stop = () => {
        this.#system.cancel(timer)
        forget()
      }
      return Effect.sync(stop)
    })
  }

  /** Sends the signal to the whole group, SIGKILL after `force`, and waits for the child to have ended. */
  terminate(signal: number, force: Duration.Duration | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.#alive) return Effect.void
      this.#signal(signal)
      if (force === undefined) return Effect.asVoid(Effect.andThen(this.exit, this.#goneWithin(grace)))
      return this.#goneWithin(Duration.toMillis(force)).pipe(
        Effect.flatMap((gone) => {
          if (gone) return Effect.void
          this.#signal(this.#system.constants["SIGKILL"] ?? 9)
          return this.#goneWithin(grace)
        }),
        Effect.andThen(Effect.asVoid(this.exit))
      )
    })
  }
}

/** Our end of a child's pipe; a descriptor of -1 is none, and ended. */
class Pipe {
  readonly system: Natives
  readonly #fd: number
  #open: boolean

  constructor(system: Natives, fd: number) {
    this.system = system
    this.#fd = fd
    this.#open = fd >= 0
    if (this.#open) system.setNonblocking(fd)
  }

  get open(): boolean {
    return this.#open
  }

  get fd(): number {
    return this.#fd
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.system.unwatch(this.#fd)
    this.system.close(this.#fd)
  }

  again(status: number): boolean {
    return status === -(this.system.constants["EAGAIN"] ?? 0)
  }
}

/**
 * What a child writes. It ends with the child: what the child has left running may hold the pipe, and is not waited
 * for.
 */
export class Output {
  readonly #pipe: Pipe
  readonly #child: Child

  constructor(system: Natives, fd: number, child: Child) {
    this.#pipe = new Pipe(system, fd)
    this.#child = child
  }

  close(): void {
    this.#pipe.close()
  }

  /** The next portion; ends with `Cause.Done`. */
  readonly pull: Effect.Effect<Uint8Array, Cause.Done> = Effect.callback((resume) => {
    const { system } = this.#pipe
    let forget = () => {}
    const stop = () => {
      forget()
      if (this.#pipe.open) system.unwatch(this.#pipe.fd)
    }
    const settle = (result: Effect.Effect<Uint8Array, Cause.Done>) => {
      stop()
      resume(result)
      return true
    }
    const end = () => {
      this.#pipe.close()
      return settle(done())
    }
    const attempt = (): boolean => {
      if (!this.#pipe.open) return end()
      const part = system.read(this.#pipe.fd, portion)
      if (typeof part !== "number") return part.length === 0 ? end() : settle(Effect.succeed(part))
      return this.#pipe.again(part) && this.#child.ended === undefined ? false : end()
    }
    if (attempt()) return
    forget = this.#child.onEnd(attempt)
    system.watch(this.#pipe.fd, system.constants["POLLIN"] ?? 0, attempt)
    return Effect.sync(stop)
  })
}

/** What a child reads. That it does not want it is no failure. */
export class Input {
  readonly #pipe: Pipe

  constructor(system: Natives, fd: number) {
    this.#pipe = new Pipe(system, fd)
  }

  close(): void {
    this.#pipe.close()
  }

  write(bytes: Uint8Array): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const { system } = this.#pipe
      let written = 0
      const attempt = (): boolean => {
        while (this.#pipe.open && written < bytes.length) {
          const count = system.write(this.#pipe.fd, bytes.subarray(written))
          if (this.#pipe.again(count)) return false
          if (count < 0) this.#pipe.close()
          else written += count
        }
        if (this.#pipe.open) system.unwatch(this.#pipe.fd)
        resume(Effect.void)
        return true
      }
      if (!attempt()) system.watch(this.#pipe.fd, system.constants["POLLOUT"] ?? 0, attempt)
      return Effect.sync(() => {
        if (this.#pipe.open) system.unwatch(this.#pipe.fd)
      })
    })
  }
}
