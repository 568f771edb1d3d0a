// Functions of single elements, each with its derivative: a struct of the op's name. a and b: the numbers that the op takes.
// Kernels are compiled for one of them, FUNCTION.

__device__ A logistic(A x) { return (A)0.5 * tanh((A)0.5 * x) + (A)0.5; }  // 1 / (1 + e^-x), without overflow

__device__ A limited(A x, A low, A high) { return x < low ? low : x > high ? high : x; }  // NaN stays

#define F static __device__ A

struct _sigmoid_op {
    F value(A x, A a, A b) { return logistic(x); }
    F slope(A x, A a, A b) { A y = logistic(x); return y * (1 - y); }
};

struct tanh_op {
    F value(A x, A a, A b) { return tanh(x); }
    F slope(A x, A a, A b) { A y = tanh(x); return 1 - y * y; }
};

struct elu {
    F value(A x, A a, A b) { return x > 0 ? x : a * expm1(x); }
    F slope(A x, A a, A b) { return x > 0 ? (A)1 : a * expm1(x) + a; }
};

struct relu {
    F value(A x, A a, A b) { return x <= 0 ? (A)0 : x; }
    F slope(A x, A a, A b) { return x > 0; }  // of the output too
};

struct clipped {
    F value(A x, A a, A b) { return limited(x, a, b); }
    F slope(A x, A a, A b) { return x > a && x < b; }
};

struct relu6 {
    F value(A x, A a, A b) { return limited(x, 0, 6); }
    F slope(A x, A a, A b) { return x > 0 && x < 6; }
};

struct from_tanh : tanh_op {  // of the output of tanh
    F slope(A y, A a, A b) { return 1 - y * y; }
};

struct from_elu : elu {  // of the output of elu with a = 1
    F slope(A y, A a, A b) { return y + 1 > 1 ? (A)1 : y + 1; }
};

struct leaky_relu {
    F value(A x, A a, A b) { return x > 0 ? x : a * x; }
    F slope(A x, A a, A b) { return x > 0 ? (A)1 : a; }
};

struct selu {
    F alpha() { return (A)1.6732632423543772; }
    F scale() { return (A)1.0507009873554805; }
    F value(A x, A a, A b) { return scale() * (x > 0 ? x : alpha() * expm1(x)); }
    F slope(A x, A a, A b) { return scale() * (x > 0 ? (A)1 : alpha() * expm1(x) + alpha()); }
};

struct celu {
    F value(A x, A a, A b) { return x > 0 ? x : a * (exp(x / a) - 1); }
    F slope(A x, A a, A b) { return x > 0 ? (A)1 : exp(x / a); }
};

struct gelu {  // a: whether in the tanh form
    F c() { return (A)0.7978845608028654; }  // sqrt(2 / pi)
    F value(A x, A a, A b) {
        if (a != 0) return (A)0.5 * x * (1 + tanh(c() * (x + (A)0.044715 * x * x * x)));
        return x * ((A)0.5 * (1 + erf(x * (A)0.7071067811865476)));
    }
    F slope(A x, A a, A b) {
        if (a == 0) {
            A density = exp((A)-0.5 * x * x) * (A)0.3989422804014327;
            return (A)0.5 * (1 + erf(x * (A)0.7071067811865476)) + x * density;
        }
        A t = tanh(c() * (x + (A)0.044715 * x * x * x));
        return (A)0.5 * (1 + t) + (A)0.5 * x * (1 - t * t) * c() * (1 + 3 * (A)0.044715 * x * x);
    }
};

struct silu {
    F value(A x, A a, A b) { return x * logistic(x); }
    F slope(A x, A a, A b) { A s = logistic(x); return s + x * s * (1 - s); }
};

struct hard_sigmoid {
    F value(A x, A a, A b) { return limited(x / 6 + (A)0.5, 0, 1); }
    F slope(A x, A a, A b) { return x > -3 && x < 3 ? (A)1 / 6 : (A)0; }
};

struct hard_silu {
    F value(A x, A a, A b) { return x * hard_sigmoid::value(x, a, b); }
    F slope(A x, A a, A b) { return hard_sigmoid::value(x, a, b) + x * hard_sigmoid::slope(x, a, b); }
};

struct hard_tanh {
    F value(A x, A a, A b) { return limited(x, -1, 1); }
    F slope(A x, A a, A b) { return x > -1 && x < 1; }
};

struct softplus {
    F value(A x, A a, A b) { return (x > 0 ? x : (A)0) + log1p(exp(-fabs(x))); }
    F slope(A x, A a, A b) { return logistic(x); }
};

struct log_sigmoid {
    F value(A x, A a, A b) { return -softplus::value(-x, a, b); }
    F slope(A x, A a, A b) { return logistic(-x); }
};

struct softsign {
    F value(A x, A a, A b) { return x / (1 + fabs(x)); }
    F slope(A x, A a, A b) { A d = 1 + fabs(x); return 1 / (d * d); }
};

struct mish {
    F value(A x, A a, A b) { return x * tanh(softplus::value(x, a, b)); }
    F slope(A x, A a, A b) { A t = tanh(softplus::value(x, a, b)); return t + x * (1 - t * t) * logistic(x); }
};

struct hard_shrink {
    F value(A x, A a, A b) { return x * (A)(fabs(x) > a); }
    F slope(A x, A a, A b) { return fabs(x) > a; }
};

struct soft_shrink {
    F value(A x, A a, A b) { return x - limited(x, -a, a); }
    F slope(A x, A a, A b) { return fabs(x) > a; }
};

struct tanh_shrink {
    F value(A x, A a, A b) { return x - tanh(x); }
    F slope(A x, A a, A b) { A t = tanh(x); return t * t; }
};

struct squareplus {
    F value(A x, A a, A b) { return (A)0.5 * (x + sqrt(x * x + a)); }
    F slope(A x, A a, A b) { A root = sqrt(x * x + a); return (A)0.5 * (1 + x / (root > 0 ? root : (A)1)); }
};

struct sparse_plus {
    F value(A x, A a, A b) { A s = slope(x, a, b); return x >= 1 ? x : s * s; }
    F slope(A x, A a, A b) { return limited((A)0.5 * (x + 1), 0, 1); }
};

struct sparse_sigmoid {
    F value(A x, A a, A b) { return limited((A)0.5 * (x + 1), 0, 1); }
    F slope(A x, A a, A b) { return x > -1 && x < 1 ? (A)0.5 : (A)0; }
};

struct erf_op {
    F value(A x, A a, A b) { return erf(x); }
    F slope(A x, A a, A b) { return (A)1.1283791670955126 * exp(-x * x); }
};

#undef F
