// What the content store finds: a frame decompresses to what was compressed and
// never to more than allowed; results that are read are written and read to the same.
#include "coordinator/store/stored_result.h"

#include "coordinator/store/compression.h"
#include "tests/fuzz/input.h"

namespace extfarm::store {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;

void check_frame(std::string_view bytes) {
  if (const auto content = decompress(bytes, kMostBytes)) FARM_CHECK(content->size() <= kMostBytes);
  const auto frame = compress(bytes, 1);
  FARM_CHECK(frame && frame->size() <= longest_frame_bytes(bytes.size()));
  const auto again = decompress(*frame, bytes.size());
  FARM_CHECK(again && *again == bytes);
}

void check_results(std::string_view text) {
  const auto results = results_from(text, Digest{});
  if (!results) {
    FARM_CHECK(results.error().code == ErrorCode::kMalformed);
    return;
  }
  const std::string written = text_of(Digest{}, *results);
  const auto again = results_from(written, Digest{});
  FARM_CHECK(again && text_of(Digest{}, *again) == written);
}

}  // namespace
}  // namespace extfarm::store

// The first byte says whether the rest is a frame or a text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  fuzz::Input in(data, size);
  if (in.byte() % 2 == 0)
    store::check_frame(in.rest());
  else
    store::check_results(in.rest());
  return 0;
}
