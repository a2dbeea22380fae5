// One whole frame, and nothing else, is decompressed.
#include "coordinator/store/compression.h"

#include "store_fixture.h"

namespace extfarm::store {
namespace {

TEST(Compression, BytesComeBack) {
  for (const std::string& bytes :
       {std::string(), std::string("nul \0 byte", 10), std::string(300'000, 'x')}) {
    const auto frame = compress(bytes, 1);
    ASSERT_TRUE(frame);
    EXPECT_LE(frame->size(), longest_frame_bytes(bytes.size()));
    EXPECT_EQ(decompress(*frame, bytes.size()), bytes);
  }
}

TEST(Compression, AFrameWithMoreThanAllowedIsRefused) {
  EXPECT_EQ(code_of(decompress(*compress("12345", 1), 4)), ErrorCode::kMalformed);
}

TEST(Compression, WhatFollowsTheFrameIsRefusedEvenIfItIsEmpty) {
  const std::string frame = *compress("12345", 1), empty = *compress("", 1);
  EXPECT_EQ(code_of(decompress(frame + empty, 100)), ErrorCode::kMalformed);
  EXPECT_EQ(code_of(decompress(frame + "x", 100)), ErrorCode::kMalformed);
}

TEST(Compression, WhatIsNoFrameIsRefused) {
  for (const char* text : {"", "x", "something long enough for a header"})
    EXPECT_EQ(code_of(decompress(text, 100)), ErrorCode::kMalformed) << text;
}

}  // namespace
}  // namespace extfarm::store
