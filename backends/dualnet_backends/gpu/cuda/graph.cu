// What a CUDA graph needs beside the kernels of a step. Its arguments are fixed when it is recorded: what changes from replay to
// replay stands in memory.

// Rows of a table. The addresses of the table and of the order of its rows (null: as they are) are read from memory too, so that
// a graph takes its batches from any data. T is as wide as the rows and their addresses allow; width: of a row, in units of T.
extern "C" __global__ void fetch(T* out, const T* const* table, const int64* const* order, const int64* start, int64 width, int64 n) {
    const T* rows = *table;
    const int64* numbers = *order;
    int64 first = *start;
    FOR_EACH(i, n) {
        int64 row = first + i / width;
        out[i] = rows[(numbers ? numbers[row] : row) * width + i % width];
    }
}

// out[index] = x[0]
extern "C" __global__ void store(T* out, const int64* index, const T* x) {
    out[*index] = *x;
}
