/** The curves of SSH's ECDSA keys (RFC 5656 section 10.1), by SSH's names for them. */
export type Curve = "nistp256" | "nistp384" | "nistp521"

/** y² = x³ - 3x + b over the integers modulo p; a coordinate has `size` bytes. From FIPS 186-4, appendix D.1.2. */
const parameters: Readonly<Record<Curve, { readonly p: bigint; readonly b: bigint; readonly size: number }>> = {
  nistp256: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8_aa3a93e7_b3ebbd55_769886bc_651d06b0_cc53b0f6_3bce3c3e_27d2604bn,
    size: 32
  },
  nistp384: {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7_e23ee7e4_988e056b_e3f82d19_181d9c6e_fe814112_0314088f_5013875a_c656398d_8a2ed19d_2a85c8ed_d3ec2aefn,
    size: 48
  },
  nistp521: {
    p: 2n ** 521n - 1n,
    b: 0x0051_953eb961_8e1c9a1f_929a21a0_b68540ee_a2da725b_99b315f3_b8b48991_8ef109e1_56193951_ec7e937b_1652c0bd_3bb1bf07_3573df88_3d2c34f1_ef451fd4_6b503f00n,
    size: 66
  }
}

/**
 * Whether these bytes are an uncompressed point (SEC 1 section 2.3.3) that lies on the curve, the only form that SSH
 * takes.
 */
export const isOnCurve = (name: Curve, point: Uint8Array): boolean => {
  const { b, p, size } = parameters[name]
  if (point.length !== 1 + 2 * size || point[0] !== 4) return false
  const x = integer(point.subarray(1, 1 + size))
  const y = integer(point.subarray(1 + size))
  return x < p && y < p && (y * y - (x * x * x - 3n * x + b)) % p === 0n
}

const integer = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`)
