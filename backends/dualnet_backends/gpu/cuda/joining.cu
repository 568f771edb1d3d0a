// Arrays joined along an axis.  T has the width of their elements.

// The addresses go with the launch: a table in the memory of the device would have to be copied there, which a capture refuses.
struct Parts {
    const T* at[400];
};

// Each part is (rows, n), and goes to the columns from ``first`` on of out: (rows, columns); they stand side by side.
extern "C" __global__ void join(T* out, Parts parts, int64 count, int64 n, int64 first, int64 columns, int64 size) {
    const int64 width = count * n;
    FOR_EACH(i, size) {
        const int64 row = i / width, column = i % width;
        out[row * columns + first + column] = parts.at[column / n][row * n + column % n];
    }
}
