// Bytes of records that are damaged.
#include "coordinator/freshness/recorded.h"

#include <gtest/gtest.h>

namespace extfarm::freshness {
namespace {

std::string with_inputs(const std::vector<std::uint64_t>& differences) {
  ByteWriter out;
  out.digest(digest_of("fingerprint"));
  out.number(1);
  out.number(differences.size());
  for (const auto difference : differences) out.number(difference);
  for (int empty = 0; empty < 4; ++empty) out.number(0);
  return out.take();
}

TEST(Recorded, InputsAscendAndFitTheirType) {
  ASSERT_TRUE(decode_recorded(with_inputs({1, 2})));
  EXPECT_EQ(decode_recorded(with_inputs({1, 2}))->inputs, (std::vector<VersionId>{1, 3}));
  EXPECT_TRUE(decode_recorded(with_inputs({1, 0xfffffffe})));
  EXPECT_FALSE(decode_recorded(with_inputs({2, 0xffffffff})));
  EXPECT_FALSE(decode_recorded(with_inputs({std::uint64_t{1} << 32})));
}

}  // namespace
}  // namespace extfarm::freshness
