// A function of single elements, and its gradient.
#include "activations.cuh"

extern "C" __global__ void value(const T* x, T* y, A a, A b, int64 n) {
    FOR_EACH(i, n) y[i] = (T)FUNCTION::value((A)x[i], a, b);
}

extern "C" __global__ void gradient(const T* x, const T* dy, T* dx, A a, A b, int64 n) {
    FOR_EACH(i, n) dx[i] = (T)((A)dy[i] * FUNCTION::slope((A)x[i], a, b));
}
