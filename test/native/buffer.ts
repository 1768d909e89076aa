/** The part of Node's `Buffer` that tests use, for the boot runtime; the agent itself does without. */
class Bytes extends Uint8Array {
  static ofContent(content: string | Iterable<number>, encoding = "utf8"): Bytes {
    if (content instanceof Uint8Array) return new Bytes(content)
    if (typeof content !== "string") return new Bytes(Array.from(content))
    switch (encoding) {
      case "latin1":
      case "binary":
        return new Bytes(Array.from(content, (character) => character.charCodeAt(0) & 0xff))
      case "hex":
        return new Bytes(Array.from(content.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)))
      case "base64":
        return new Bytes(Array.from(atob(content.replace(/\s/g, "")), (character) => character.charCodeAt(0)))
      default:
        return new Bytes(Array.from(natives.encodeUtf8(content)))
    }
  }

  static alloc(size: number, fill: number | string = 0): Bytes {
    return new Bytes(size).fill(typeof fill === "number" ? fill : fill.charCodeAt(0))
  }

  static byteLength(text: string): number {
    return natives.encodeUtf8(text).length
  }

  static concat(parts: ReadonlyArray<Uint8Array>): Bytes {
    return new Bytes(parts.flatMap((part) => Array.from(part)))
  }

  static compare(left: Uint8Array, right: Uint8Array): number {
    for (let i = 0; i < Math.min(left.length, right.length); i++) {
      const difference = (left[i] ?? 0) - (right[i] ?? 0)
      if (difference !== 0) return Math.sign(difference)
    }
    return Math.sign(left.length - right.length)
  }

  override toString(encoding = "utf8"): string {
    switch (encoding) {
      case "latin1":
        return natives.decodeLatin1(this)
      case "hex":
        return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("")
      case "base64":
        return btoa(natives.decodeLatin1(this))
      default:
        return natives.decodeUtf8(this, false) ?? ""
    }
  }

  write(text: string, offset = 0): number {
    const bytes = natives.encodeUtf8(text)
    this.set(bytes, offset)
    return bytes.length
  }

  equals(other: Uint8Array): boolean {
    return Bytes.compare(this, other) === 0
  }

  writeUInt32BE(value: number, offset = 0): number {
    new DataView(this.buffer, this.byteOffset).setUint32(offset, value)
    return offset + 4
  }

  readUInt32BE(offset = 0): number {
    return new DataView(this.buffer, this.byteOffset).getUint32(offset)
  }
}

Object.assign(Bytes, { from: Bytes.ofContent })
Object.assign(globalThis, { Buffer: Bytes })
