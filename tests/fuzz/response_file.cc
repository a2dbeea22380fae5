// Response files that may name each other: what they expand to is bounded, and
// so is what it takes.  Files are pieces of the input: r0, r1, ….
#include "common/compiler/response_file.h"

#include "tests/fuzz/input.h"

namespace extfarm {
namespace {

class Pieces : public Filesystem {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  std::optional<FileStamp> stat(const std::string& path) const override {
    const auto at = index_of(path);
    if (at >= pieces_.size()) return std::nullopt;
    FileStamp out;
    out.is_regular = true;
    out.size_bytes = pieces_[at].size();
    return out;
  }
  Result<std::string> read(const std::string& path) const override {
    const auto at = index_of(path);
    if (at >= pieces_.size()) return failure(ErrorCode::kNotFound, "none");
    read_bytes += pieces_[at].size();
    return pieces_[at];
  }
  std::optional<std::vector<std::string>> list(const std::string&) const override { return std::nullopt; }
  Result<void> write_atomically(const std::string&, std::string_view, std::uint32_t) override { return {}; }

  mutable std::size_t read_bytes = 0;

 private:
  std::size_t index_of(const std::string& path) const {  // "/w/r0" to "/w/r9"
    return path.size() == 5 && path.starts_with("/w/r") ? static_cast<std::size_t>(path[4] - '0') : pieces_.size();
  }
  std::vector<std::string> pieces_;
};

}  // namespace
}  // namespace extfarm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  const auto text = fuzz::text_of(data, size);
  auto pieces = fuzz::pieces_of(text, '\xff');
  std::vector<std::string> argv = words_of_response_file(pieces[0]);
  pieces.erase(pieces.begin());
  const Pieces files(std::move(pieces));
  const auto expanded = expand_response_files(argv, "/w", files);
  FARM_CHECK(files.read_bytes <= (16u << 20) + size);
  if (!expanded) {
    FARM_CHECK(expanded.error().code == ErrorCode::kInvalid);
    return 0;
  }
  FARM_CHECK(expanded->files.size() <= 10);
  FARM_CHECK(argv.empty() ? expanded->argv.empty() : expanded->argv[0] == argv[0]);
  std::size_t byte_count = 0;
  for (const auto& word : expanded->argv) byte_count += word.size() + 1;
  FARM_CHECK(byte_count <= 2u << 20);
  return 0;
}
