/** What chai defines its plugins' events with, and never uses here. */
class EventTarget {
  dispatchEvent(): void {}

  addEventListener(): void {}
}

class Event {
  readonly type = ""
}

Object.assign(globalThis, { EventTarget, Event })
