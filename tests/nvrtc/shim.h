// CUDA C for a host compiler: one thread, one block, and functions by which a kernel's arguments come from standard input.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define __device__
#define __global__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)

struct index3 { unsigned x, y, z; };
static index3 threadIdx = {0, 0, 0}, blockIdx = {0, 0, 0}, blockDim = {1, 1, 1}, gridDim = {1, 1, 1};
static void __syncthreads() {}
static unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
template <class T, class F> static T same_bits(F from) {
  T to;
  static_assert(sizeof(T) == sizeof(F), "bits");
  memcpy(&to, &from, sizeof(T));
  return to;
}
static float __int_as_float(int x) { return same_bits<float>(x); }
static float __uint_as_float(unsigned x) { return same_bits<float>(x); }
static int __float_as_int(float x) { return same_bits<int>(x); }
static unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
static double __longlong_as_double(long long x) { return same_bits<double>(x); }
static long long __double_as_longlong(double x) { return same_bits<long long>(x); }

#define HOST_F16 \
  static f32 f16_value(f16 h) { \
    const int exponent = (h.bits >> 10) & 31, fraction = h.bits & 1023; \
    const double size = exponent == 31 ? (fraction ? NAN : INFINITY) \
                        : exponent     ? ldexp(1024 + fraction, exponent - 25) \
                                       : ldexp(fraction, -24); \
    return (f32)(h.bits >> 15 ? -size : size); \
  } \
  static f16 f16_of(f64 x) { \
    const u16 sign = signbit(x) ? 0x8000 : 0; \
    const double size = fabs(x); \
    if (size != size) return f16{0x7e00}; \
    if (size >= 65520) return f16{(u16)(sign | 0x7c00)}; \
    if (size < ldexp(1, -14)) return f16{(u16)(sign | (u16)nearbyint(ldexp(size, 24)))}; \
    const int exponent = ilogb(size); \
    return f16{(u16)(sign | (((exponent + 14) << 10) + (int)nearbyint(ldexp(size, 10 - exponent))))}; \
  } \
  static f16 f16_of(f32 x) { return f16_of((f64)x); }

// The next bytes of standard input, aligned.
static void* room(size_t bytes) { return aligned_alloc(64, (bytes + 64) / 64 * 64); }
static void* take(size_t bytes) {
  void* to = room(bytes);
  if (fread(to, 1, bytes, stdin) != bytes) exit(2);
  return to;
}
static void give(const void* from, size_t bytes) { fwrite(from, 1, bytes, stdout); }

// Bytes as whatever a parameter is.
struct any {
  void* at;
  template <class T> operator T() const { return *(T*)at; }
};
