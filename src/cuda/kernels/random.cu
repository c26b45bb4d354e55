// Random draws, by the same operations as src/op/random, one by one: every device gives the same bits.

FN void philox(u64 index, u64 block, u64 key, u64& first, u64& second) {
  u32 a = (u32)index, b = (u32)(index >> 32), c = (u32)block, d = (u32)(block >> 32);
  u32 k0 = (u32)key, k1 = (u32)(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const u32 left = 0xD2511F53u * a, right = 0xCD9E8D57u * c;
    const u32 x = __umulhi(0xCD9E8D57u, c) ^ b ^ k0, z = __umulhi(0xD2511F53u, a) ^ d ^ k1;
    a = x, b = right, c = z, d = left;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  first = (u64)b << 32 | a, second = (u64)d << 32 | c;
}

FN u64 r_bits(u64 index, u64 key) {
  u64 first, second;
  philox(index, 0, key, first, second);
  return first;
}

FN f64 r_uniform(u64 index, u64 key) { return (f64)(i64)(r_bits(index, key) >> 11) * 0x1p-53; }
FN f32 r_uniform32(u64 index, u64 key) { return (f32)(i32)(r_bits(index, key) >> 40) * 0x1p-24f; }
FN f64 r_open(u64 index, u64 key) { return ((f64)(i64)(r_bits(index, key) >> 12) + 0.5) * 0x1p-52; }

FN u64 r_below(u64 index, u64 key, u64 top) {
  u64 low, high;
  philox(index, 0, key, low, high);
  const u64 range = top + 1, product = high * range, carried = product + __umul64hi(low, range);
  return range == 0 ? high : __umul64hi(high, range) + (carried < product ? 1 : 0);
}

// The logarithm of a normal positive number, as src/op/math/log.rs has it without fused operations.
FN f64 r_log(f64 x) {
  const u64 half = 0x3fe6a09e667f3bcdull;
  const u64 u = (u64)__double_as_longlong(x) + (0x3ff0000000000000ull - half);
  const f64 k = __longlong_as_double((i64)((u >> 52) | 0x4330000000000000ull)) - (4503599627370496.0 + 1023.0);
  const f64 f = __longlong_as_double((i64)((u & 0x000fffffffffffffull) + half)) - 1;
  const f64 square = 0.5 * f * f, s = f / (2 + f), z = s * s, zz = z * z;
  const f64 even = (0.14796716617889863 * zz + 0.1818356698898823) * zz + 0.28571428742817634;
  const f64 odd = (0.1531397806789981 * zz + 0.22222198525396797) * zz + 0.39999999999412916;
  const f64 rest = (even * z + odd) * z + 0.6666666666666735;
  const f64 low = square - (k * 5.497923018708371e-14 + s * (z * rest + square));
  return k * 0.6931471805598903 + (f - low);
}

FN f64 r_horner(f64 x, f64 a, f64 b, f64 c, f64 d, f64 e, f64 f, f64 g, f64 h) {
  return ((((((a * x + b) * x + c) * x + d) * x + e) * x + f) * x + g) * x + h;
}

FN f64 r_normal(u64 index, u64 key) {
  const f64 p = r_open(index, key), q = p - 0.5;
  if ((q < 0 ? -q : q) <= 0.425) {
    const f64 r = 0.180625 - q * q;
    return q * r_horner(r, 2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987,
        13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665) / r_horner(r,
        5226.495278852545, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
        687.1870074920579, 42.31333070160091, 1.0);
  }
  const f64 r = sqrt(-r_log(q < 0 ? p : 1 - p));
  f64 up, down;
  if (r <= 5) {
    up = r_horner(r - 1.6, 7.745450142783414e-4, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
        3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835);
    down = r_horner(r - 1.6, 1.0507500716444169e-9, 5.475938084995345e-4, 0.015198666563616457,
        0.14810397642748008, 0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0);
  } else {
    up = r_horner(r - 5, 2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124,
        0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103);
    down = r_horner(r - 5, 2.0442631033899398e-15, 1.421511758316446e-7, 1.8463183175100548e-5,
        7.868691311456133e-4, 0.014875361290850615, 0.1369298809227358, 0.5998322065558879, 1.0);
  }
  return (q < 0 ? -up : up) / down;
}

FN f64 r_exponential(u64 index, u64 key) { return -r_log(r_open(index, key)); }
