// Convolution with channels last, over up to three spatial axes: fewer have axes of length 1 in front (gpu/convolution.py).
// I is the dtype of counts: int, or long long where there are too many elements for it.

struct Geometry {  // the fields of _GEOMETRY in gpu/convolution.py
    int lengths[3], outputs[3], taps[3], strides[3], before[3], dilation[3];
    int channels, filters, groups, per_group;  // per_group: channels of a group
};

// Along one axis, what is inside of the lengths: positions from ``from`` up to ``to`` among ``count`` of them, which lie at
// first, first + step, ...
struct Span {
    int from, to;
};

__device__ Span inside(int first, int step, int count, int length) {
    Span span = {first < 0 ? (-first + step - 1) / step : 0, first < length ? (length - first + step - 1) / step : 0};
    if (span.to > count) span.to = count;
    return span;
}

// Along one axis, the output for which a tap multiplies the pixel, or -1 if there is none.
__device__ int output_over(const Geometry& g, int a, int pixel, int tap) {
    int i = pixel + g.before[a] - tap * g.dilation[a];
    if (i < 0) return -1;
    if (g.strides[a] > 1) {
        if (i % g.strides[a]) return -1;
        i /= g.strides[a];
    }
    return i < g.outputs[a] ? i : -1;
}

// For every tap that gives the pixel ``at`` something to an output: the numbers of both, of the output with those of all samples.
#define FOR_OUTPUTS(g, p, tap, output)                                                                                        \
    for (int t0 = 0, o0, o1; t0 < (g).taps[0]; t0++)                                                                          \
        if ((o0 = output_over(g, 0, (p).at[0], t0)) >= 0)                                                                     \
            for (int t1 = 0; t1 < (g).taps[1]; t1++)                                                                          \
                if ((o1 = output_over(g, 1, (p).at[1], t1)) >= 0)                                                             \
                    for (int t2 = 0, o2, tap = (t0 * (g).taps[1] + t1) * (g).taps[2]; t2 < (g).taps[2]; t2++, tap++)          \
                        if ((o2 = output_over(g, 2, (p).at[2], t2)) >= 0)                                                     \
                            if (I output = (((p).sample * (g).outputs[0] + o0) * (g).outputs[1] + o1) * (g).outputs[2] + o2; true)

enum Activation { LINEAR, RELU, RELU6, TANH, ELU };  // the order of _ACTIVATIONS in gpu/convolution.py

// What follows a sum of products: bias, then scale and shift, then the activation. Each may be missing.
struct After {
    const T *bias, *scale, *shift;
    int64 activation;
};

__device__ T finished(A sum, const After& after, int filter) {
    if (after.bias) sum += (A)after.bias[filter];
    if (after.scale) sum = (A)(T)sum * (A)after.scale[filter];  // rounded as by ops of their own
    if (after.shift) sum = (A)(T)sum + (A)after.shift[filter];
    switch (after.activation) {
        case RELU: return (T)(sum <= 0 ? (A)0 : sum);  // NaN stays
        case RELU6: return (T)(sum <= 0 ? (A)0 : sum >= 6 ? (A)6 : sum);
        case TANH: return (T)tanh(sum);
        case ELU: return (T)(sum > 0 ? sum : expm1(sum));
        default: return (T)sum;
    }
}

// -- by a matrix product: the windows of x as the rows of a matrix, and back ----------------------------------------------

// x: (samples, lengths..., channels) -> rows: (groups, samples * outputs, taps * per_group)
// A thread takes one element of the window of many outputs; blockIdx.z is the group.
extern "C" __global__ void windows(T* rows, const T* x, Geometry g, int64 outputs, int64 window) {
    I element = blockIdx.x * (I)blockDim.x + threadIdx.x;
    if (element >= window) return;
    Place<I> tap = place<I>(element, g.taps, g.per_group);
    for (I output = blockIdx.y * (I)blockDim.y + threadIdx.y; output < outputs; output += gridDim.y * (I)blockDim.y) {
        Place<I> p = place<I>(output, g.outputs, 1);
        I pixel = p.sample;
        bool is_inside = true;
        for (int a = 0; a < 3; a++) {
            int i = p.at[a] * g.strides[a] + tap.at[a] * g.dilation[a] - g.before[a];
            is_inside = is_inside && i >= 0 && i < g.lengths[a];
            pixel = pixel * g.lengths[a] + i;
        }
        T value = is_inside ? x[pixel * g.channels + blockIdx.z * g.per_group + tap.channel] : (T)0;
        rows[(blockIdx.z * (I)outputs + output) * (I)window + element] = value;
    }
}

// The reverse: every pixel adds up what the rows hold for it, in the order of the taps.  outputs: those of all samples
extern "C" __global__ void add_windows(T* dx, const T* rows, Geometry g, int64 outputs, int64 n) {
    I window = (I)g.taps[0] * g.taps[1] * g.taps[2] * g.per_group;
    FOR_EACH(i, n) {
        Place<I> p = place<I>(i, g.lengths, g.channels);
        const T* row = rows + p.channel / g.per_group * (I)outputs * window + p.channel % g.per_group;
        A sum = 0;
        FOR_OUTPUTS(g, p, tap, output) sum += (A)row[output * window + tap * g.per_group];
        dx[i] = (T)sum;
    }
}

// products: (groups, outputs, filters / groups) -> y: (outputs, filters), which may be the same array if there is one group.
extern "C" __global__ void finish(T* y, const T* products, After after, int filters, int of_group, int64 outputs, int64 n) {
    FOR_EACH(i, n) {
        int o = (I)i % filters;
        A sum = (A)products[(o / of_group * (I)outputs + (I)i / filters) * of_group + o % of_group];
        y[i] = finished(sum, after, o);
    }
}

// -- without a matrix product: one channel for each group, or so few numbers that launches cost more --------------------------

// y: an output a thread.  w: (taps, per_group, filters)
extern "C" __global__ void convolve(T* y, const T* x, const T* w, After after, Geometry g, int64 n) {
    FOR_EACH(i, n) {
        Place<I> p = place<I>(i, g.outputs, g.filters);
        int first[3];
        Span taps[3];
        for (int a = 0; a < 3; a++) {
            first[a] = p.at[a] * g.strides[a] - g.before[a];
            taps[a] = inside(first[a], g.dilation[a], g.taps[a], g.lengths[a]);
        }
        int group = p.channel / (g.filters / g.groups);
        A sum = 0;
        for (int t0 = taps[0].from; t0 < taps[0].to; t0++)
            for (int t1 = taps[1].from; t1 < taps[1].to; t1++) {
                I pixel = (p.sample * g.lengths[0] + first[0] + t0 * g.dilation[0]) * g.lengths[1] + first[1] + t1 * g.dilation[1];
                pixel = pixel * g.lengths[2] + first[2] + taps[2].from * g.dilation[2];
                const T* xs = x + pixel * g.channels + group * g.per_group;
                const T* ws = w + ((t0 * g.taps[1] + t1) * g.taps[2] + taps[2].from) * g.per_group * g.filters + p.channel;
                for (int t2 = taps[2].from; t2 < taps[2].to; t2++, xs += g.dilation[2] * g.channels)
                    for (int c = 0; c < g.per_group; c++, ws += g.filters) sum = fma((A)xs[c], (A)*ws, sum);
            }
        y[i] = finished(sum, after, p.channel);
    }
}

// The gradient of x: a channel of a pixel a thread.
extern "C" __global__ void convolve_input_gradient(T* dx, const T* dy, const T* w, Geometry g, int64 n) {
    int of_group = g.filters / g.groups;
    FOR_EACH(i, n) {
        Place<I> p = place<I>(i, g.lengths, g.channels);
        int first = p.channel / g.per_group * of_group, channel = p.channel % g.per_group;
        A sum = 0;
        FOR_OUTPUTS(g, p, tap, output) {
            const T* dys = dy + output * g.filters + first;
            const T* ws = w + (tap * g.per_group + channel) * g.filters + first;
            for (int o = 0; o < of_group; o++) sum = fma((A)dys[o], (A)ws[o], sum);
        }
        dx[i] = (T)sum;
    }
}

// The gradient of w: an element of w a thread, for the outputs of some lines.  A line: outputs along the last axis.
// sums: (parts, taps, per_group, filters)
extern "C" __global__ void convolve_kernel_gradient(
    A* sums, const T* x, const T* dy, Geometry g, int64 lines, int64 of_part, int64 n
) {
    int size = g.taps[0] * g.taps[1] * g.taps[2] * g.per_group * g.filters;
    FOR_EACH(i, n) {
        Place<I> tap = place<I>(i % size / g.filters, g.taps, g.per_group);
        int o = i % g.filters, channel = o / (g.filters / g.groups) * g.per_group + tap.channel;
        int first = tap.at[2] * g.dilation[2] - g.before[2];
        Span outputs = inside(first, g.strides[2], g.outputs[2], g.lengths[2]);
        I line = (I)i / size * (I)of_part, end = line + (I)of_part < (I)lines ? line + (I)of_part : (I)lines;
        A sum = 0;
        for (; line < end; line++) {
            int o1 = line % g.outputs[1], o0 = line / g.outputs[1] % g.outputs[0];
            int i0 = o0 * g.strides[0] + tap.at[0] * g.dilation[0] - g.before[0];
            int i1 = o1 * g.strides[1] + tap.at[1] * g.dilation[1] - g.before[1];
            if (i0 < 0 || i0 >= g.lengths[0] || i1 < 0 || i1 >= g.lengths[1]) continue;
            I pixel = (line / g.outputs[1] / g.outputs[0] * g.lengths[0] + i0) * g.lengths[1] + i1;
            const T* xs = x + (pixel * g.lengths[2] + first + outputs.from * g.strides[2]) * g.channels + channel;
            const T* dys = dy + (line * g.outputs[2] + outputs.from) * g.filters + o;
            for (int o2 = outputs.from; o2 < outputs.to; o2++, xs += g.strides[2] * g.channels, dys += g.filters)
                sum = fma((A)*xs, (A)*dys, sum);
        }
        sums[i] = sum;
    }
}

// The sum of parts in a fixed order.  S: their dtype.  sums: (parts, n) -> (n,).  A block of (32, 8) takes 32 columns.
extern "C" __global__ void add_parts(T* out, const S* sums, int64 parts, int64 n) {
    __shared__ A shared[8][32];
    int64 column = blockIdx.x * 32ll + threadIdx.x;
    A sum = 0;
    if (column < n) {
        for (int64 part = threadIdx.y; part < parts; part += 8) sum += (A)sums[part * n + column];
    }
    shared[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < n) {
        for (int row = 1; row < 8; row++) sum += shared[row][threadIdx.x];
        out[column] = (T)sum;
    }
}
