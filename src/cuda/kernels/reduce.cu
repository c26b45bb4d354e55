// Shared by every reduction: K gives `State`, `init`, `merge` (the second from later elements or another lane).

// Merges the states of a block's threads by halves, in shared memory of one state per thread; every thread gets the
// result. blockDim.x is a power of 2.
template <class K> FN void merge_block(typename K::State* lanes, typename K::State& mine) {
  lanes[threadIdx.x] = mine;
  __syncthreads();
  for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) K::merge(lanes[threadIdx.x], lanes[threadIdx.x + half]);
    __syncthreads();
  }
  mine = lanes[0];
}
