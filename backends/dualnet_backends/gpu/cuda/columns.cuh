// Sums over all elements of a channel. Element k of channel c stands at ``place(c, k)``: channels are c long, and ``inner`` elements
// of one lie together. Blocks of a chunk each take a share of the elements; where there is more than one chunk, what they have is
// added by a second kernel, in the order of the chunks.

struct Columns {
    int64 channels, inner, n, lanes;  // n: elements of a channel; lanes: channels of a block, side by side

    __device__ int64 channel() const { return blockIdx.x * lanes + threadIdx.x % lanes; }

    __device__ int64 place(int64 c, int64 k) const { return inner == 1 ? k * channels + c : k / inner * channels * inner + c * inner + k % inner; }
};

// The sums of two values of the elements of a channel, of those that belong to this block; thread ``lane`` gets those of its channel.
template <class Value>
__device__ void sum_columns(const Columns& columns, Value value, A& first, A& second) {
    __shared__ A firsts[256], seconds[256];
    int64 c = columns.channel(), rows = blockDim.x / columns.lanes;
    int64 per_chunk = (columns.n + gridDim.y - 1) / gridDim.y, start = blockIdx.y * per_chunk;
    int64 stop = start + per_chunk < columns.n ? start + per_chunk : columns.n;
    A a = 0, b = 0;
    if (c < columns.channels)
        for (int64 k = start + threadIdx.x / columns.lanes; k < stop; k += rows) value(columns.place(c, k), c, a, b);
    firsts[threadIdx.x] = a;
    seconds[threadIdx.x] = b;
    for (int half = blockDim.x / 2; half >= columns.lanes; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            firsts[threadIdx.x] += firsts[threadIdx.x + half];
            seconds[threadIdx.x] += seconds[threadIdx.x + half];
        }
    }
    __syncthreads();
    first = firsts[threadIdx.x % columns.lanes];
    second = seconds[threadIdx.x % columns.lanes];
}
