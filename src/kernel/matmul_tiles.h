// The products of many tokens (matmul_many.h) on matrix tiles. No include guard: once per
// instruction set.
namespace strata::kernel::STRATA_ISA {

/// As VectorDots. A tile row is a token, whose bytes lie in its record; the unpacked codes are what
/// the second factor wants already: a line is 16 rows x 4 columns. Sums leave the tiles every
/// block, since a block has its own scale.
template <class Tiles> struct TileDots {
  static constexpr int kTokens = 2;   // tile of activations; 0 and 1 are sums, 3 and 4 codes

  template <int steps, int G, int M> STRATA_INLINE void begin() {
    TileConfig c;
    c.set(0, M, kLine);
    c.set(1, M, kLine);
    c.set(kTokens, M, 4 * steps);
    c.set(3, steps, kLine);
    c.set(4, steps, kLine);
    Tiles::configure(c);
  }
  STRATA_INLINE void end() { Tiles::release(); }

  template <bool wide, int steps, int G, int M>
  STRATA_INLINE void add(const uint8_t* codes, const Record* x, int first, I (&acc)[G][M]) {
    static_assert(G <= 2);
    alignas(64) int32_t sums[G][M][kGroupRows];
    Tiles::template load<kTokens>(x->q + 4 * first, sizeof(Record));
    Tiles::template zero<0>();
    Tiles::template load<3>(codes, kPanelGroups * kLine);
    Tiles::template dot_s8_u8<0, kTokens, 3>();
    Tiles::template store<0>(sums[0], kLine);
    if constexpr (G > 1) {
      Tiles::template zero<1>();
      Tiles::template load<4>(codes + kLine, kPanelGroups * kLine);
      Tiles::template dot_s8_u8<1, kTokens, 4>();
      Tiles::template store<1>(sums[1], kLine);
    }
    STRATA_UNROLL for (int g = 0; g < G; g++)
      STRATA_UNROLL for (int m = 0; m < M; m++)
        acc[g][m] = add32(acc[g][m], I::load(sums[g][m]));
  }
};

}  // namespace strata::kernel::STRATA_ISA
