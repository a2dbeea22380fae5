// The only file that sees zstd.
#include "coordinator/store/compression.h"

#include <zstd.h>

#include <memory>

namespace extfarm::store {
namespace {

tl::unexpected<Error> malformed(const std::string& why) { return failure(ErrorCode::kMalformed, why); }

}  // namespace

Result<std::string> compress(std::string_view bytes, int level) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> zstd(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  if (zstd == nullptr) return failure(ErrorCode::kIo, "cannot compress: out of memory");
  ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(zstd.get(), ZSTD_c_checksumFlag, 1);
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress2(zstd.get(), frame.data(), frame.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0)
    return failure(ErrorCode::kIo, std::string("cannot compress: ") + ZSTD_getErrorName(size));
  frame.resize(size);
  return frame;
}

std::uint64_t longest_frame_bytes(std::uint64_t content_bytes) { return ZSTD_compressBound(content_bytes); }

Result<std::string> decompress(std::string_view frame, std::uint64_t largest_bytes) {
  const unsigned long long claimed = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR || claimed == ZSTD_CONTENTSIZE_UNKNOWN)
    return malformed("it does not begin as a compressed file");
  if (claimed > largest_bytes) return malformed("it holds more than it should");
  const std::size_t length = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(length) != 0) return malformed("it ends too early");
  if (length != frame.size()) return malformed("something follows its end");
  std::string bytes(claimed, '\0');
  const std::size_t size = ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size());
  if (ZSTD_isError(size) != 0) return malformed(ZSTD_getErrorName(size));
  bytes.resize(size);
  return bytes;
}

}  // namespace extfarm::store
