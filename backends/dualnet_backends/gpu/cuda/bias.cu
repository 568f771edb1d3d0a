// What follows a product: activation(x + b), in place.  x: (rows, n)  b: (n,), or no address for no bias

enum Activation { LINEAR, RELU, TANH, ELU };

__device__ A activate(A x, int activation) {
    switch (activation) {
        case RELU: return x <= 0 ? (A)0 : x;  // NaN stays NaN
        case TANH: return tanh(x);
        case ELU: return x > 0 ? x : expm1(x);
        default: return x;
    }
}

// A block covers a part of the columns, in several rows: no thread divides, and each reads its element of the bias once.
extern "C" __global__ void add_bias(T* x, const T* b, int activation, int64 rows, int64 n) {
    int64 column = blockIdx.x * (int64)blockDim.x + threadIdx.x;
    if (column >= n) return;
    A shift = b ? (A)b[column] : (A)0;
    int64 step = (int64)gridDim.y * blockDim.y;
    for (int64 i = blockIdx.y * (int64)blockDim.y + threadIdx.y; i < rows; i += step) {
        T* at = x + i * n + column;
        *at = (T)activate((A)*at + shift, activation);
    }
}
