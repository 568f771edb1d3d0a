// N, in which results have NumPy's bits.

// What NumPy computes with: half is computed in float, and every result is rounded to half.
struct Half {
    float x;
    __device__ explicit Half(float y) : x((float)(T)y) {}
};
__device__ Half operator+(Half a, Half b) { return Half(a.x + b.x); }
__device__ Half operator-(Half a, Half b) { return Half(a.x - b.x); }
__device__ Half operator*(Half a, Half b) { return Half(a.x * b.x); }
__device__ Half operator/(Half a, Half b) { return Half(a.x / b.x); }
__device__ Half operator-(Half a) { return Half(-a.x); }

template <int size>
struct Number {
    typedef A type;
};
template <>
struct Number<2> {
    typedef Half type;
};
typedef Number<sizeof(T)>::type N;

__device__ A plain(A a) { return a; }
__device__ A plain(Half a) { return a.x; }
__device__ float root(float a) { return sqrtf(a); }
__device__ double root(double a) { return sqrt(a); }
__device__ Half root(Half a) { return Half(sqrtf(a.x)); }
__device__ float power(float a, float b) { return powf(a, b); }
__device__ double power(double a, double b) { return pow(a, b); }
__device__ Half power(Half a, Half b) { return Half(powf(a.x, b.x)); }
__device__ N larger(N a, N b) { return plain(a) != plain(a) || plain(a) > plain(b) ? a : b; }  // NaN if one is
__device__ N absolute(N a) { return N(plain(a) < 0 ? -plain(a) : plain(a)); }
__device__ N sign(N a) { return N(plain(a) > 0 ? 1 : plain(a) < 0 ? -1 : plain(a)); }
__device__ N limited(N a, N limit) {
    return plain(a) > plain(limit) ? limit : plain(a) < -plain(limit) ? -limit : a;
}
__device__ N load(const T* a, int64 i) { return N((A)a[i]); }
__device__ void store(T* a, int64 i, N value) { a[i] = (T)plain(value); }

// A number that the host decides for every update: in memory if there is an address, where a captured step reads it.
#define SCALAR(name) const T *name##_at, A name##_value
#define READ(name) N name = N(name##_at ? (A)*name##_at : name##_value)
// A number that stays what it is.
#define FIXED(name) A name##_value
#define KNOW(name) N name = N(name##_value)
