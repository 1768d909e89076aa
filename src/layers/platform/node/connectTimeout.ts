import * as Duration from "effect/Duration"
import type * as Http from "node:http"
import * as Net from "node:net"

/** The longest time in milliseconds that a timer takes; for a longer one it fires at once. */
const longest = 2 ** 31 - 1

/**
 * Makes an agent of `node:http` or `node:https` give up a connection that is not made within the timeout, with code
 * `ETIMEDOUT` as the kernel does after minutes. Node has no such option: an agent's `timeout` counts idle time during
 * the whole life of the socket.
 */
export const withConnectTimeout = <A extends Http.Agent>(agent: A, timeout: Duration.Duration): A => {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    const socket = connect(options, callback)
    if (socket instanceof Net.Socket) {
      const late = () => {
        const detail = `no connection within ${Duration.toSeconds(timeout)} s`
        socket.destroy(Object.assign(new Error(detail), { code: "ETIMEDOUT" }))
      }
      // @effect-diagnostics-next-line globalTimers:off
      const timer = setTimeout(late, Math.min(Duration.toMillis(timeout), longest))
      const done = () => clearTimeout(timer)
      socket.once("connect", done).once("close", done)
    }
    return socket
  }
  return agent
}
