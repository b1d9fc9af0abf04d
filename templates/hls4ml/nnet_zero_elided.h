#ifndef NNET_ZERO_ELIDED_H_
#define NNET_ZERO_ELIDED_H_

#include "nnet_common.h"
#include "nnet_dense.h"
#include "nnet_dense_stream.h"

namespace nnet {

// A convolution over arrays: hls4ml's windows, the layer's own sums.
template <class data_T, class res_T, typename CONFIG_T> void zero_elided_conv(data_T *data, res_T *res) {
    #pragma HLS INLINE recursive
    data_T window[CONFIG_T::n_pixels][CONFIG_T::kernel_size * CONFIG_T::n_chan];
    #pragma HLS ARRAY_PARTITION variable=window complete dim=0

Partitions:
    for (unsigned partition = 0; partition < CONFIG_T::n_partitions; partition++) {
        #pragma HLS PIPELINE II=CONFIG_T::reuse_factor rewind
        CONFIG_T::template fill_buffer<data_T, CONFIG_T>::fill_buffer(data, window, partition);

    Pixels:
        for (unsigned pixel = 0; pixel < CONFIG_T::n_pixels; pixel++) {
            #pragma HLS UNROLL
            CONFIG_T::mult_config::template kernel<data_T, res_T, typename CONFIG_T::mult_config>::sums(
                window[pixel], res + (partition * CONFIG_T::n_pixels + pixel) * CONFIG_T::n_filt);
        }
    }
}

// A dense layer between streams: hls4ml's reading and writing, the layer's own sums.
template <class data_T, class res_T, typename CONFIG_T>
void zero_elided_dense(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream) {
    #pragma HLS INLINE recursive
    typedef typename data_T::value_type input_t;
    typedef typename res_T::value_type output_t;

    input_t data[CONFIG_T::n_in];
    #pragma HLS ARRAY_PARTITION variable=data complete
    output_t res[CONFIG_T::n_out];
    #pragma HLS ARRAY_PARTITION variable=res complete

    data_prepare<data_T, CONFIG_T>(data_stream, data);
    CONFIG_T::template kernel<input_t, output_t, CONFIG_T>::dense(data, res, nullptr, nullptr);
    res_write<res_T, CONFIG_T>(res, res_stream);
}

} // namespace nnet

#endif
