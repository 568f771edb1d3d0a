// A sparse matrix, row by row, times a dense one.
// starts: (n + 1,)  columns, values: (entries,)  x: (m, width) -> y: (n, width)
// Threads side by side take columns side by side of one row, so that they read x and write y together.
extern "C" __global__ void sparse_matmul(T* y, const int64* starts, const int64* columns, const T* values, const T* x, int64 width,
                                         int64 count) {
    FOR_EACH(i, count) {
        int64 row = i / width, column = i - row * width;
        A sum = 0;
        for (int64 e = starts[row]; e < starts[row + 1]; e++) sum += (A)values[e] * (A)x[columns[e] * width + column];
        y[i] = (T)sum;
    }
}
