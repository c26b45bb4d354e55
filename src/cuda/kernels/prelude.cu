// What every generated kernel starts with: element types, loads and stores, conversions, and the helpers that the
// elementwise table calls. NVRTC sees no header: nothing here may need one. The CPU's loops are the reference for every
// value, NaN and corner case.

typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;

#define FN __device__ __forceinline__

// Elements as they lie in memory, where that differs from what registers hold.
struct b8 { u8 byte; };
struct f16 { u16 bits; };
struct bf16 { u16 bits; };
template <class R> struct alignas(2 * sizeof(R)) cx { R re, im; };
typedef cx<f32> c64;
typedef cx<f64> c128;

template <class T> FN T load(T x) { return x; }
FN bool load(b8 x) { return x.byte != 0; }
template <class T> FN T stored(T x) { return x; }
FN b8 stored(bool x) { return b8{(u8)(x ? 1 : 0)}; }

// N elements that move together, in accesses of up to 16 bytes.
template <class T, int N> struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) pack { T v[N]; };
template <int N, class T> FN pack<T, N> fetch(const T* from, u64 group) {
  return reinterpret_cast<const pack<T, N>*>(from)[group];
}
template <int N, class T> FN void put(T* to, u64 group, const pack<T, N>& p) {
  reinterpret_cast<pack<T, N>*>(to)[group] = p;
}

// Words of N elements each become words of their first elements, of their second elements, and so on.
FN void turn(u32 (&x)[2]) {
  const u32 first = __byte_perm(x[0], x[1], 0x5410), second = __byte_perm(x[0], x[1], 0x7632);
  x[0] = first;
  x[1] = second;
}
FN void turn(u32 (&x)[4]) {
  u32 low[2] = {__byte_perm(x[0], x[1], 0x5140), __byte_perm(x[2], x[3], 0x5140)};
  u32 high[2] = {__byte_perm(x[0], x[1], 0x7362), __byte_perm(x[2], x[3], 0x7362)};
  turn(low);
  turn(high);
  x[0] = low[0];
  x[1] = low[1];
  x[2] = high[0];
  x[3] = high[1];
}

// Index spaces: shape, and per operand the strides in elements. 32-bit spaces divide by multiplying: with
// `mul = floor(2^32 (2^shift - d) / d) + 1`, `n / d = (mulhi(n, mul) + n) >> shift` for n below 2^31.
template <int RANK, int N> struct space32 { u32 dim[RANK], mul[RANK], shift[RANK]; i32 stride[N][RANK]; };
template <int RANK, int N> struct space64 { u64 dim[RANK]; i64 stride[N][RANK]; };

template <int RANK, int N> FN void locate(const space32<RANK, N>& s, u32 at, i32* out) {
#pragma unroll
  for (int k = 0; k < N; ++k) out[k] = 0;
#pragma unroll
  for (int axis = RANK - 1; axis > 0; --axis) {
    const u32 above = (__umulhi(at, s.mul[axis]) + at) >> s.shift[axis];
    const i32 here = (i32)(at - above * s.dim[axis]);
#pragma unroll
    for (int k = 0; k < N; ++k) out[k] += here * s.stride[k][axis];
    at = above;
  }
#pragma unroll
  for (int k = 0; k < N; ++k) out[k] += (i32)at * s.stride[k][0];
}
template <int RANK, int N> FN void locate(const space64<RANK, N>& s, u64 at, i64* out) {
#pragma unroll
  for (int k = 0; k < N; ++k) out[k] = 0;
#pragma unroll
  for (int axis = RANK - 1; axis > 0; --axis) {
    const u64 above = at / s.dim[axis];
    const i64 here = (i64)(at - above * s.dim[axis]);
#pragma unroll
    for (int k = 0; k < N; ++k) out[k] += here * s.stride[k][axis];
    at = above;
  }
#pragma unroll
  for (int k = 0; k < N; ++k) out[k] += (i64)at * s.stride[k][0];
}

// 16-bit floats.
#ifdef __CUDA_ARCH__
FN f32 f16_value(f16 h) {
  f32 x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h.bits));
  return x;
}
FN f16 f16_of(f32 x) {
  f16 h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(x));
  return h;
}
FN f16 f16_of(f64 x) {
  f16 h;
  asm("cvt.rn.f16.f64 %0, %1;" : "=h"(h.bits) : "d"(x));
  return h;
}
#else
HOST_F16  // f16_value and both f16_of, where tests compile this for a host
#endif
FN f32 bf16_value(bf16 h) { return __uint_as_float((u32)h.bits << 16); }
FN bf16 bf16_of(f32 x) {
  bf16 h;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h.bits) : "f"(x));
#else
  const u32 u = __float_as_uint(x);
  h.bits = (u & 0x7fffffffu) > 0x7f800000u ? (u16)0x7fff : (u16)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
#endif
  return h;
}
// Through f32 rounded to odd, so that it rounds once.
FN bf16 bf16_of(f64 x) {
  const f32 near = (f32)x;
  if ((f64)near == x || x != x) return bf16_of(near);
  const u32 u = __float_as_uint(near);
  const bool beyond = (near < 0 ? -(f64)near : (f64)near) > (x < 0 ? -x : x);
  return bf16_of(__uint_as_float((beyond ? u - 1 : u) | 1u));
}

// Conversions: integers wrap, floats truncate and saturate (NaN gives 0), complex numbers lose their imaginary part.
template <class A, class B> struct same_type { static const bool value = false; };
template <class A> struct same_type<A, A> { static const bool value = true; };
template <class T> struct is_real { static const bool value = same_type<T, f32>::value || same_type<T, f64>::value; };
template <class T> struct is_cx { static const bool value = false; };
template <class R> struct is_cx<cx<R>> { static const bool value = true; };
template <class T> struct tag {};

FN u8 number(bool x) { return x ? 1 : 0; }
FN f32 number(f16 x) { return f16_value(x); }
FN f32 number(bf16 x) { return bf16_value(x); }
template <class R> FN R number(cx<R> x) { return x.re; }
template <class T> FN T number(T x) { return x; }

template <class T> FN constexpr bool is_signed() { return (T)-1 < (T)0; }
template <class T> FN constexpr int bits_of() { return 8 * (int)sizeof(T); }

template <class T, class F> FN T saturate(F x) {
  const F high = (F)(1ull << (bits_of<T>() - 1)) * (is_signed<T>() ? (F)1 : (F)2);
  const F low = is_signed<T>() ? -high : (F)0;
  if (x != x) return 0;
  if (x >= high) return is_signed<T>() ? (T)((1ull << (bits_of<T>() - 1)) - 1) : (T)~0ull;
  if (x <= low) return is_signed<T>() ? (T)(1ull << (bits_of<T>() - 1)) : (T)0;
  return (T)x;
}
template <class T, class F> FN T make(tag<T>, F x) {
  if constexpr (is_real<F>::value && !is_real<T>::value) return saturate<T>(x);
  else return (T)x;
}
template <class F> FN f16 make(tag<f16>, F x) {
  if constexpr (same_type<F, f32>::value) return f16_of(x);
  else return f16_of((f64)x);
}
template <class F> FN bf16 make(tag<bf16>, F x) {
  if constexpr (same_type<F, f32>::value) return bf16_of(x);
  else return bf16_of((f64)x);
}
template <class R, class F> FN cx<R> make(tag<cx<R>>, F x) { return cx<R>{(R)x, (R)0}; }

template <class F> FN bool truth(F x) { return number(x) != 0; }
template <class R> FN bool truth(cx<R> x) { return x.re != 0 || x.im != 0; }
template <class R, class S> FN cx<R> narrow(tag<cx<R>>, cx<S> x) { return cx<R>{(R)x.re, (R)x.im}; }

template <class T, class F> FN T cast(F x) {
  if constexpr (same_type<T, bool>::value) return truth(x);
  else if constexpr (is_cx<T>::value && is_cx<F>::value) return narrow(tag<T>(), x);
  else return make(tag<T>(), number(x));
}

// Integers. Arithmetic wraps, so it is done without sign; division by 0 gives 0.
template <int BYTES> struct wide_bits { typedef u32 type; };
template <> struct wide_bits<8> { typedef u64 type; };
#define WIDE typename wide_bits<sizeof(T)>::type

template <class T> FN T i_add(T x, T y) { return (T)((WIDE)x + (WIDE)y); }
template <class T> FN T i_sub(T x, T y) { return (T)((WIDE)x - (WIDE)y); }
template <class T> FN T i_mul(T x, T y) { return (T)((WIDE)x * (WIDE)y); }
template <class T> FN T i_neg(T x) { return (T)((WIDE)0 - (WIDE)x); }
template <class T> FN T i_abs(T x) { return x < 0 ? i_neg(x) : x; }
template <class T> FN T i_sign(T x) { return x > 0 ? (T)1 : x < 0 ? (T)-1 : (T)0; }
template <class T> FN T i_trunc_div(T x, T y) {
  if (y == 0) return 0;
  if (is_signed<T>() && y == (T)-1) return i_neg(x);
  return (T)(x / y);
}
template <class T> FN T i_trunc_rem(T x, T y) {
  if (y == 0 || (is_signed<T>() && y == (T)-1)) return 0;
  return (T)(x % y);
}
template <class T> FN T i_floor_div(T x, T y) {
  const T q = i_trunc_div(x, y);
  return i_trunc_rem(x, y) != 0 && (x < 0) != (y < 0) ? i_sub(q, (T)1) : q;
}
template <class T> FN T i_floor_rem(T x, T y) {
  const T r = i_trunc_rem(x, y);
  return r != 0 && (r < 0) != (y < 0) ? i_add(r, y) : r;
}
template <class T> FN T i_recip(T x) { return i_trunc_div((T)1, x); }
template <class T> FN T i_pow(T x, T y) {
  if (y < 0) return x == 1 ? (T)1 : x == (T)-1 ? ((y & 1) ? x : (T)1) : (T)0;
  WIDE left = (WIDE)y;
  T base = x, out = 1;
  while (left != 0) {
    if (left & 1) out = i_mul(out, base);
    base = i_mul(base, base);
    left >>= 1;
  }
  return out;
}
template <class T> FN bool is_bit(T y) { return y >= 0 && (u64)y < (u64)bits_of<T>(); }
template <class T> FN T i_shl(T x, T y) { return is_bit(y) ? (T)((WIDE)x << (u32)y) : (T)0; }
template <class T> FN T i_shr(T x, T y) { return is_bit(y) ? (T)(x >> (u32)y) : x < 0 ? (T)-1 : (T)0; }
template <class T> FN T i_gcd(T x, T y) {
  T a = i_abs(x), b = i_abs(y);
  while (b != 0) {
    const T r = i_trunc_rem(a, b);
    a = b;
    b = r;
  }
  return i_abs(a);
}
template <class T> FN u8 i_count(T x) {
  const u64 all = ~(u64)0 >> (64 - bits_of<T>());
  return (u8)__popcll((u64)i_abs(x) & all);
}
template <class T> FN T i_lcm(T x, T y) { return i_abs(i_mul(i_trunc_div(x, i_gcd(x, y)), y)); }

// Real numbers.
FN f32 infinity(f32) { return __int_as_float(0x7f800000); }
FN f64 infinity(f64) { return __longlong_as_double(0x7ff0000000000000ll); }
FN f32 not_a_number(f32) { return __int_as_float(0x7fc00000); }
FN f64 not_a_number(f64) { return __longlong_as_double(0x7ff8000000000000ll); }
FN bool f_signbit(f32 x) { return __float_as_int(x) < 0; }
FN bool f_signbit(f64 x) { return __double_as_longlong(x) < 0; }

#define REAL_1(name, expression) \
  FN f32 name(f32 x) { typedef f32 R; return expression; } \
  FN f64 name(f64 x) { typedef f64 R; return expression; }
#define REAL_2(name, expression) \
  FN f32 name(f32 x, f32 y) { typedef f32 R; return expression; } \
  FN f64 name(f64 x, f64 y) { typedef f64 R; return expression; }

REAL_1(f_abs, (R)fabs(x))
REAL_1(f_sign, x > 0 ? (R)1 : x < 0 ? (R)-1 : x == 0 ? (R)0 : x)
REAL_1(f_sqrt, (R)sqrt(x))
REAL_1(f_cbrt, (R)cbrt(x))
REAL_1(f_exp, (R)exp(x))
REAL_1(f_exp2, (R)exp2(x))
REAL_1(f_expm1, (R)expm1(x))
REAL_1(f_log, (R)log(x))
REAL_1(f_log2, (R)log2(x))
REAL_1(f_log10, (R)log10(x))
REAL_1(f_log1p, (R)log1p(x))
REAL_1(f_sin, (R)sin(x))
REAL_1(f_cos, (R)cos(x))
REAL_1(f_tan, (R)tan(x))
REAL_1(f_asin, (R)asin(x))
REAL_1(f_acos, (R)acos(x))
REAL_1(f_atan, (R)atan(x))
REAL_1(f_sinh, (R)sinh(x))
REAL_1(f_cosh, (R)cosh(x))
REAL_1(f_tanh, (R)tanh(x))
REAL_1(f_asinh, (R)asinh(x))
REAL_1(f_acosh, (R)acosh(x))
REAL_1(f_atanh, (R)atanh(x))
REAL_1(f_deg2rad, x * ((R)3.141592653589793238 / (R)180))
REAL_1(f_rad2deg, x * ((R)180 / (R)3.141592653589793238))
REAL_1(f_floor, (R)floor(x))
REAL_1(f_ceil, (R)ceil(x))
REAL_1(f_trunc, (R)trunc(x))
REAL_1(f_rint, (R)rint(x))
REAL_2(f_fmod, (R)fmod(x, y))
REAL_2(f_pow, (R)pow(x, y))
REAL_2(f_atan2, (R)atan2(x, y))
REAL_2(f_hypot, (R)hypot(x, y))
REAL_2(f_copysign, (R)copysign(x, y))
REAL_2(f_ldexp, (R)ldexp(x, (i32)(y != y ? (R)0 : y > 4000 ? (R)4000 : y < -4000 ? (R)-4000 : y)))
REAL_2(f_heaviside, x < 0 ? (R)0 : x > 0 ? (R)1 : x == 0 ? y : x)

template <class R> FN bool f_isinf(R x) { return f_abs(x) == infinity(x); }
template <class R> FN bool f_isfinite(R x) { return f_abs(x) < infinity(x); }
FN i32 f_exponent(f32 x) {
  const i32 field = (__float_as_int(x) >> 23) & 0xff, scaled = (__float_as_int(x * 33554432.0f) >> 23) & 0xff;
  if (x == 0 || field == 0xff) return 0;
  return (field == 0 ? scaled - 25 : field) - 126;
}
FN i32 f_exponent(f64 x) {
  const i32 field = (i32)(__double_as_longlong(x) >> 52) & 0x7ff;
  const i32 scaled = (i32)(__double_as_longlong(x * 18014398509481984.0) >> 52) & 0x7ff;
  if (x == 0 || field == 0x7ff) return 0;
  return (field == 0 ? scaled - 54 : field) - 1022;
}
FN f32 f_i0(f32 x) { return f_isinf(x) ? not_a_number(x) : (f32)cyl_bessel_i0f(x); }
FN f64 f_i0(f64 x) { return f_isinf(x) ? not_a_number(x) : cyl_bessel_i0(x); }
template <class R> FN R f_floor_div(R x, R y) {
  if (y == 0) return x / y;
  const R r = f_fmod(x, y);
  R q = (x - r) / y;
  if (r != 0 && (r < 0) != (y < 0)) q = q - 1;
  if (q == 0) return f_copysign((R)0, x / y);
  const R f = f_floor(q);
  return q - f > (R)0.5 ? f + 1 : f;
}
template <class R> FN R f_floor_rem(R x, R y) {
  const R r = f_fmod(x, y);
  return r == 0 ? f_copysign((R)0, y) : (r < 0) != (y < 0) ? r + y : r;
}
template <class R> FN R f_logaddexp(R x, R y) {
  const R high = x > y ? x : y, low = x > y ? y : x, gap = low - high;
  if (x == y) return x + f_log((R)2);
  if (gap != gap) return x + y;
  return high + f_log1p(f_exp(gap));
}
template <class R> FN R f_logaddexp2(R x, R y) {
  const R high = x > y ? x : y, low = x > y ? y : x, gap = low - high;
  if (x == y) return x + 1;
  if (gap != gap) return x + y;
  return high + f_log1p(f_exp2(gap)) / f_log((R)2);
}

// Complex numbers, ordered by real part, then by imaginary part.
template <class R> FN cx<R> c_add(cx<R> x, cx<R> y) { return cx<R>{x.re + y.re, x.im + y.im}; }
template <class R> FN cx<R> c_sub(cx<R> x, cx<R> y) { return cx<R>{x.re - y.re, x.im - y.im}; }
template <class R> FN cx<R> c_mul(cx<R> x, cx<R> y) {
  return cx<R>{x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}
template <class R> FN cx<R> c_div(cx<R> x, cx<R> y) {
  if (f_abs(y.re) >= f_abs(y.im)) {
    if (y.re == 0 && y.im == 0) return cx<R>{x.re / f_abs(y.re), x.im / f_abs(y.re)};
    const R ratio = y.im / y.re, scale = (R)1 / (y.re + y.im * ratio);
    return cx<R>{(x.re + x.im * ratio) * scale, (x.im - x.re * ratio) * scale};
  }
  const R ratio = y.re / y.im, scale = (R)1 / (y.im + y.re * ratio);
  return cx<R>{(x.re * ratio + x.im) * scale, (x.im * ratio - x.re) * scale};
}
template <class R> FN cx<R> c_inv(cx<R> x) { return c_div(cx<R>{(R)1, (R)0}, x); }
template <class R> FN cx<R> c_neg(cx<R> x) { return cx<R>{-x.re, -x.im}; }
template <class R> FN cx<R> c_conj(cx<R> x) { return cx<R>{x.re, -x.im}; }
template <class R> FN R c_abs(cx<R> x) { return f_hypot(x.re, x.im); }
template <class R> FN cx<R> c_rint(cx<R> x) { return cx<R>{f_rint(x.re), f_rint(x.im)}; }
template <class R> FN bool c_eq(cx<R> x, cx<R> y) { return x.re == y.re && x.im == y.im; }
template <class R> FN bool c_lt(cx<R> x, cx<R> y) { return x.re < y.re || (x.re == y.re && x.im < y.im); }
template <class R> FN bool c_isnan(cx<R> x) { return x.re != x.re || x.im != x.im; }
template <class R> FN bool c_isinf(cx<R> x) { return f_isinf(x.re) || f_isinf(x.im); }
template <class R> FN bool c_isfinite(cx<R> x) { return f_isfinite(x.re) && f_isfinite(x.im); }
template <class R> FN cx<R> c_max(cx<R> x, cx<R> y) { return c_lt(y, x) || c_isnan(x) ? x : y; }
template <class R> FN cx<R> c_min(cx<R> x, cx<R> y) { return c_lt(x, y) || c_isnan(x) ? x : y; }
template <class R> FN cx<R> c_fmax(cx<R> x, cx<R> y) { return (!c_lt(x, y) && !c_isnan(x)) || c_isnan(y) ? x : y; }
template <class R> FN cx<R> c_fmin(cx<R> x, cx<R> y) { return (!c_lt(y, x) && !c_isnan(x)) || c_isnan(y) ? x : y; }
template <class R> FN cx<R> c_sign(cx<R> x) {
  if (x.re == 0 && x.im == 0) return cx<R>{(R)0, (R)0};
  return c_div(x, cx<R>{c_abs(x), (R)0});
}
template <class R> FN cx<R> c_polar(R r, R angle) { return cx<R>{r * f_cos(angle), r * f_sin(angle)}; }
template <class R> FN cx<R> c_exp(cx<R> x) {
  if (f_isinf(x.re)) {
    if (x.re < 0) {
      if (!f_isfinite(x.im)) return cx<R>{(R)0, (R)0};
    } else if (x.im == 0 || !f_isfinite(x.im)) {
      return cx<R>{x.re, f_isinf(x.im) ? not_a_number(x.im) : x.im};
    }
  } else if (x.re != x.re && x.im == 0) {
    return x;
  }
  return c_polar(f_exp(x.re), x.im);
}
template <class R> FN cx<R> c_log(cx<R> x) { return cx<R>{f_log(c_abs(x)), f_atan2(x.im, x.re)}; }
// Elementary functions of complex numbers, in f64; see op/math/complex.rs, which has the same steps.
FN c128 z_swap(c128 z) { return c128{z.im, z.re}; }
FN c128 z_nan() { return c128{not_a_number(0.0), not_a_number(0.0)}; }
FN c128 z_sqrt(c128 z) {
  f64 a = z.re, b = z.im;
  if (a == 0 && b == 0) return c128{0.0, b};
  if (f_isinf(b)) return c128{infinity(b), b};
  if (a != a || (b != b && f_isfinite(a))) return z_nan();
  if (f_isinf(a)) {
    const f64 rest = b - b;
    if (a < 0) return c128{f_abs(rest), f_copysign(f_abs(a), b)};
    return c128{a, f_copysign(rest, b)};
  }
  const f64 size = f_abs(a) > f_abs(b) ? f_abs(a) : f_abs(b);
  f64 scale = 1, back = 1;
  if (size >= 1.7976931348623157e308 / 4) scale = 0.25, back = 2;
  else if (size < 1e-290) scale = 3.2451855365842673e32, back = 5.551115123125783e-17;
  a *= scale;
  b *= scale;
  const f64 t = f_sqrt((f_abs(a) + f_hypot(a, b)) * 0.5);
  if (a >= 0) return c128{t * back, b / (2 * t) * back};
  return c128{f_abs(b) / (2 * t) * back, f_copysign(t, b) * back};
}
FN c128 z_expm1(c128 z) {
  const f64 half = f_sin(z.im / 2);
  return c128{f_expm1(z.re) * f_cos(z.im) - 2 * half * half, z.im == 0 ? z.im : f_exp(z.re) * f_sin(z.im)};
}
FN c128 z_exp2(c128 z) { return c_exp(c128{z.re * 0.6931471805599453, z.im * 0.6931471805599453}); }
FN c128 z_log1p(c128 z) {
  const f64 angle = f_atan2(z.im, z.re + 1);
  if (f_abs(z.re) < 0.5 && f_abs(z.im) < 0.5) return c128{0.5 * f_log1p(z.re * (z.re + 2) + z.im * z.im), angle};
  return c128{f_log(f_hypot(z.re + 1, z.im)), angle};
}
FN c128 z_sinh(c128 z) {
  return c128{z.re == 0 ? z.re : f_sinh(z.re) * f_cos(z.im), z.im == 0 ? z.im : f_cosh(z.re) * f_sin(z.im)};
}
FN c128 z_cosh(c128 z) {
  const f64 re = z.im == 0 ? f_cosh(z.re) : f_cosh(z.re) * f_cos(z.im);
  if (z.re == 0 || z.im == 0) return c128{re, f_copysign(1.0, z.re) * f_copysign(0.0, z.im)};
  return c128{re, f_sinh(z.re) * f_sin(z.im)};
}
FN c128 z_tanh(c128 z) {
  const f64 x = z.re, y = z.im;
  if (x != x) return c128{x, y == 0 ? y : not_a_number(y)};
  if (!f_isfinite(y) && f_isfinite(x)) return c128{x == 0 ? x : not_a_number(x), not_a_number(y)};
  if (f_abs(x) > 22) {
    const f64 turn = f_isfinite(y) ? f_sin(y) * f_cos(y) : 1.0;
    const f64 im = f_isfinite(y) ? 4 * turn * f_exp(-2 * f_abs(x)) : 0.0;
    return c128{f_copysign(1.0, x), im == 0 ? f_copysign(0.0, turn) : im};
  }
  const f64 t = f_tan(y), s = f_sinh(x), beta = 1 + t * t, rho = f_sqrt(1 + s * s);
  if (f_isinf(t)) return c128{rho / s, 1 / t};
  const f64 below = 1 + beta * s * s;
  return c128{beta * rho * s / below, t / below};
}
FN c128 z_log_of_large(c128 z) {
  const f64 angle = f_atan2(z.im, z.re), e = 2.718281828459045;
  const f64 size = f_abs(z.re) > f_abs(z.im) ? f_abs(z.re) : f_abs(z.im);
  if (size > 1.7976931348623157e308 / 2) return c128{f_log(f_hypot(z.re / e, z.im / e)) + 1, angle};
  return c128{f_log(f_hypot(z.re, z.im)), angle};
}
FN f64 z_excess(f64 a, f64 b, f64 hypotenuse) {
  if (b < 0) return (hypotenuse - b) / 2;
  if (b == 0) return a / 2;
  return a * a / (hypotenuse + b) / 2;
}
// The real part, and the legs of a triangle; a negative second leg says that the first is the sine.
struct z_parts { f64 real, opposite, adjacent; };
FN z_parts z_inverse(f64 x, f64 y) {
  const f64 eps = 2.220446049250313e-16, r = f_hypot(x, y + 1), s = f_hypot(x, y - 1);
  f64 a = (r + s) / 2;
  if (a < 1) a = 1;
  const bool beside = x >= eps * f_abs(y - 1);
  f64 real;
  if (a >= 10) real = f_log(a + f_sqrt(a * a - 1));
  else if (y == 1 && x < eps * eps / 128) real = f_sqrt(x);
  else if (beside) {
    const f64 above = z_excess(x, 1 + y, r) + z_excess(x, 1 - y, s);
    real = f_log1p(above + f_sqrt(above * (a + 1)));
  } else if (y < 1) real = x / f_sqrt((1 - y) * (1 + y));
  else real = f_log1p((y - 1) + f_sqrt((y - 1) * (y + 1)));
  if (y < 1e-150) return z_parts{real, y * (2 / eps), a * (2 / eps)};
  const f64 b = y / a;
  if (b <= 0.6417) return z_parts{real, b, -1.0};
  if (y == 1 && x < eps / 128) return z_parts{real, y, f_sqrt(x) * f_sqrt((a + y) / 2)};
  if (beside) {
    const f64 above = z_excess(x, y + 1, r) + z_excess(x, y - 1, s);
    return z_parts{real, y, f_sqrt(above * (a + y))};
  }
  const f64 up = 4 / eps / eps;
  if (y > 1) return z_parts{real, y * up, x * up * y / f_sqrt((y + 1) * (y - 1))};
  return z_parts{real, y, f_sqrt((1 - y) * (1 + y))};
}
FN c128 z_asinh(c128 z) {
  const f64 x = z.re, y = z.im;
  if (x != x || y != y) {
    if (f_isinf(x)) return z;
    if (f_isinf(y)) return z_swap(z);
    return y == 0 ? z : z_nan();
  }
  if (f_abs(x) > 4503599627370496.0 || f_abs(y) > 4503599627370496.0) {
    const c128 w = z_log_of_large(f_signbit(x) ? c_neg(z) : z);
    return c128{f_copysign(w.re + 0.6931471805599453, x), f_copysign(w.im, y)};
  }
  if (f_abs(x) < 1e-9 && f_abs(y) < 1e-9) return z;
  const z_parts p = z_inverse(f_abs(x), f_abs(y));
  const f64 im = p.adjacent < 0 ? f_asin(p.opposite) : f_atan2(p.opposite, p.adjacent);
  return c128{f_copysign(p.real, x), f_copysign(im, y)};
}
FN c128 z_acos(c128 z) {
  const f64 x = z.re, y = z.im, right = 1.5707963267948966;
  if (x != x || y != y) {
    if (f_isinf(x)) return c128{y, -infinity(x)};
    if (f_isinf(y)) return c128{x, -y};
    return x == 0 ? c128{right, y} : z_nan();
  }
  const f64 sign = f_signbit(y) ? 1.0 : -1.0;
  if (f_abs(x) > 4503599627370496.0 || f_abs(y) > 4503599627370496.0) {
    const c128 w = z_log_of_large(z);
    return c128{f_abs(w.im), sign * (w.re + 0.6931471805599453)};
  }
  if (x == 1 && y == 0) return c128{0.0, -y};
  if (f_abs(x) < 1e-9 && f_abs(y) < 1e-9) return c128{right - x, -y};
  const z_parts p = z_inverse(f_abs(y), f_abs(x));
  const f64 re = p.adjacent < 0 ? f_acos(f_copysign(p.opposite, x)) : f_atan2(p.adjacent, f_copysign(p.opposite, x));
  return c128{re, sign * p.real};
}
FN c128 z_acosh(c128 z) {
  const c128 w = z_acos(z);
  if (w.re != w.re) return w.im != w.im ? z_swap(w) : c128{f_abs(w.im), w.re};
  if (w.im != w.im) return c128{w.im, w.im};
  return c128{f_abs(w.im), f_copysign(w.re, z.im)};
}
FN c128 z_atanh(c128 z) {
  const f64 x = z.re, y = z.im, ax = f_abs(x), ay = f_abs(y), right = 1.5707963267948966;
  if (y == 0 && ax <= 1) return c128{f_copysign(0.5 * f_log1p(2 * ax / (1 - ax)), x), y};
  if (x == 0) return c128{x, f_atan(y)};
  const f64 zero = f_copysign(0.0, x);
  if (x != x || y != y) {
    if (f_isinf(x)) return c128{zero, y};
    return f_isinf(y) ? c128{zero, f_copysign(right, y)} : z_nan();
  }
  if (ax > 4503599627370496.0 || ay > 4503599627370496.0) {
    const f64 re = f_isinf(x) || f_isinf(y) ? zero : ax >= ay ? 1 / (x + y * (y / x)) : (x / y) / (y + x * (x / y));
    return c128{re, f_copysign(right, y)};
  }
  if (ax < 1e-9 && ay < 1e-9) return z;
  const f64 re = ax == 1 && ay < 2.220446049250313e-16
      ? (0.6931471805599453 - f_log(ay)) / 2
      : f_log1p(4 * ax / ((ax - 1) * (ax - 1) + ay * ay)) / 4;
  const f64 im = ax == 1 ? f_atan2(2.0, -ay) / 2 : f_atan2(2 * ay, (1 - ax) * (1 + ax) - ay * ay) / 2;
  return c128{f_copysign(re, x), f_copysign(im, y)};
}
#define COMPLEX_1(name, expression) \
  template <class R> FN cx<R> name(cx<R> x) { \
    const c128 z = c128{(f64)x.re, (f64)x.im}, w = expression; \
    return cx<R>{(R)w.re, (R)w.im}; \
  }
COMPLEX_1(c_sqrt, z_sqrt(z))
COMPLEX_1(c_exp2, z_exp2(z))
COMPLEX_1(c_expm1, z_expm1(z))
COMPLEX_1(c_log1p, z_log1p(z))
COMPLEX_1(c_sin, z_swap(z_sinh(z_swap(z))))
COMPLEX_1(c_cos, z_cosh(c128{-z.im, z.re}))
COMPLEX_1(c_tan, z_swap(z_tanh(z_swap(z))))
COMPLEX_1(c_sinh, z_sinh(z))
COMPLEX_1(c_cosh, z_cosh(z))
COMPLEX_1(c_tanh, z_tanh(z))
COMPLEX_1(c_asin, z_swap(z_asinh(z_swap(z))))
COMPLEX_1(c_acos, z_acos(z))
COMPLEX_1(c_atan, z_swap(z_atanh(z_swap(z))))
COMPLEX_1(c_asinh, z_asinh(z))
COMPLEX_1(c_acosh, z_acosh(z))
COMPLEX_1(c_atanh, z_atanh(z))
template <class R> FN cx<R> c_log2(cx<R> x) {
  const cx<R> w = c_log(x);
  return cx<R>{w.re * (R)1.4426950408889634, w.im * (R)1.4426950408889634};
}
template <class R> FN cx<R> c_log10(cx<R> x) {
  const cx<R> w = c_log(x);
  return cx<R>{w.re * (R)0.4342944819032518, w.im * (R)0.4342944819032518};
}
template <class R> FN cx<R> c_powi(cx<R> x, i32 n) {
  cx<R> base = x;
  if (n < 0) {
    const R norm = x.re * x.re + x.im * x.im;
    base = cx<R>{x.re / norm, -x.im / norm};
    n = -n;
  }
  while ((n & 1) == 0) {
    base = c_mul(base, base);
    n >>= 1;
  }
  cx<R> out = base;
  while (n > 1) {
    n >>= 1;
    base = c_mul(base, base);
    if (n & 1) out = c_mul(out, base);
  }
  return out;
}
template <class R> FN cx<R> c_pow(cx<R> x, cx<R> y) {
  if (y.re == 0 && y.im == 0) return cx<R>{(R)1, (R)0};
  if (x.re == 0 && x.im == 0) {
    const R nan = not_a_number(x.re);
    return y.re > 0 && y.im == 0 ? cx<R>{(R)0, (R)0} : cx<R>{nan, nan};
  }
  if (y.im == 0 && f_trunc(y.re) == y.re && f_abs(y.re) <= 100) return c_powi(x, (i32)y.re);
  return c_exp(c_mul(y, c_log(x)));
}
