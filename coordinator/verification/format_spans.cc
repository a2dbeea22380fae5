// Where each format keeps what it takes from the clock:
//   gzip   bytes 4-7                         (RFC 1952, MTIME)
//   zip    time and date in each header, and the 0x5455 extra field (APPNOTE 4.3, 4.5)
//   ar     bytes 16-27 of each member's header
//   tar    bytes 136-147, and the sum at 148-155 that follows
//   .pyc   bytes 8-11 when the flags say that it goes by the source's time (PEP 552)
//   ELF    the descriptor of the GNU build-id note; the 16 digits that end LTO section names; the name of a
//          temporary object in the symbol table
#include <algorithm>
#include <cctype>
#include <cstring>

#include "coordinator/verification/known_causes.h"

namespace extfarm::verification {

const char* const kBuildId = "build-id";

namespace {

constexpr const char* kGzip = "time in a gzip header";
constexpr const char* kZip = "time of a zip member";
constexpr const char* kAr = "time of an ar member";
constexpr const char* kTar = "time of a tar member";
constexpr const char* kPyc = "time of the source in a .pyc";
constexpr const char* kTemporary = "name of the compiler's temporary file";
constexpr const char* kLto = "-flto without -frandom-seed";

std::uint64_t little_endian(std::string_view bytes, std::uint64_t at, int count) {
  std::uint64_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<unsigned>(i)]);
  return value;
}

bool fits(std::string_view bytes, std::uint64_t at, std::uint64_t size) {
  return at <= bytes.size() && size <= bytes.size() - at;
}

// The extended time stamps among a member's extra fields.
void add_zip_extras(std::string_view bytes, std::uint64_t at, std::uint64_t size, std::vector<Span>& out) {
  const std::uint64_t end = at + size;
  if (!fits(bytes, at, size)) return;
  while (at + 4 <= end) {
    const auto id = little_endian(bytes, at, 2), length = little_endian(bytes, at + 2, 2);
    if (at + 4 + length > end) return;
    if (id == 0x5455) out.push_back({at + 4, length, kZip});
    at += 4 + length;
  }
}

void add_zip(std::string_view bytes, std::vector<Span>& out) {
  const auto end = bytes.rfind("PK\5\6");
  if (end == std::string_view::npos || !fits(bytes, end, 22)) return;
  std::uint64_t at = little_endian(bytes, end + 16, 4);
  for (auto count = little_endian(bytes, end + 10, 2); count > 0; --count) {
    if (!fits(bytes, at, 46) || bytes.substr(at, 4) != "PK\1\2") return;
    out.push_back({at + 12, 4, kZip});
    const auto name = little_endian(bytes, at + 28, 2), extra = little_endian(bytes, at + 30, 2),
               comment = little_endian(bytes, at + 32, 2), local = little_endian(bytes, at + 42, 4);
    add_zip_extras(bytes, at + 46 + name, extra, out);
    if (fits(bytes, local, 30) && bytes.substr(local, 4) == "PK\3\4") {
      out.push_back({local + 10, 4, kZip});
      add_zip_extras(bytes, local + 30 + little_endian(bytes, local + 26, 2), little_endian(bytes, local + 28, 2), out);
    }
    at += 46 + name + extra + comment;
  }
}

// A decimal or octal number, padded with blanks.
std::uint64_t number_in(std::string_view text, unsigned base) {
  std::uint64_t value = 0;
  for (char c : text) {
    if (c >= '0' && c < static_cast<char>('0' + base)) value = value * base + static_cast<unsigned>(c - '0');
  }
  return value;
}

void add_ar(std::string_view bytes, std::vector<Span>& out) {
  for (std::uint64_t at = 8; fits(bytes, at, 60) && bytes.substr(at + 58, 2) == "`\n";) {
    out.push_back({at + 16, 12, kAr});
    const auto size = number_in(bytes.substr(at + 48, 10), 10);
    at += 60 + size + size % 2;
  }
}

void add_tar(std::string_view bytes, std::vector<Span>& out) {
  for (std::uint64_t at = 0; fits(bytes, at, 512) && bytes.substr(at + 257, 5) == "ustar";) {
    out.push_back({at + 136, 12, kTar});
    out.push_back({at + 148, 8, kTar});
    at += 512 + (number_in(bytes.substr(at + 124, 12), 8) + 511) / 512 * 512;
  }
}

void add_build_ids(std::string_view bytes, std::vector<Span>& out) {
  constexpr std::string_view kNote("\x03\0\0\0GNU\0", 8);
  for (auto at = bytes.find(kNote); at != std::string_view::npos; at = bytes.find(kNote, at + 1)) {
    if (at < 8 || little_endian(bytes, at - 8, 4) != 4) continue;
    const auto size = little_endian(bytes, at - 4, 4);
    if (size >= 8 && size <= 64 && fits(bytes, at + 8, size)) out.push_back({at + 8, size, kBuildId});
  }
}

void add_lto_names(std::string_view bytes, std::vector<Span>& out) {
  constexpr std::string_view kName = ".gnu.lto_";
  constexpr std::uint64_t kDigits = 16;
  for (auto at = bytes.find(kName); at != std::string_view::npos; at = bytes.find(kName, at + 1)) {
    const auto end = std::min(bytes.find('\0', at), bytes.size());
    const auto dot = bytes.substr(0, end).rfind('.');
    if (dot > at && end - dot - 1 == kDigits) out.push_back({dot + 1, kDigits, kLto});
  }
}

// "ccXXXXXX.o", which the symbol table keeps when a link is given a source.
void add_temporary_names(std::string_view bytes, std::vector<Span>& out) {
  constexpr std::string_view kBefore("\0cc", 3), kAfter(".o\0", 3);
  constexpr std::uint64_t kLetters = 6;
  for (auto at = bytes.find(kBefore); at != std::string_view::npos; at = bytes.find(kBefore, at + 1)) {
    const auto letters = at + kBefore.size();
    if (!fits(bytes, letters, kLetters + kAfter.size()) || bytes.substr(letters + kLetters, kAfter.size()) != kAfter) continue;
    const auto name = bytes.substr(letters, kLetters);
    if (std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0; }))
      out.push_back({letters, kLetters, kTemporary});
  }
}

}  // namespace

std::vector<Span> format_spans(const std::string& path, std::string_view bytes) {
  std::vector<Span> out;
  if (bytes.starts_with("\x1f\x8b") && bytes.size() > 10) out.push_back({4, 4, kGzip});
  if (bytes.starts_with("PK\3\4")) add_zip(bytes, out);
  if (bytes.starts_with("!<arch>\n")) add_ar(bytes, out);
  if (fits(bytes, 0, 512) && bytes.substr(257, 5) == "ustar") add_tar(bytes, out);
  if (path.ends_with(".pyc") && bytes.size() > 16 && bytes.substr(2, 2) == "\r\n" && little_endian(bytes, 4, 4) == 0)
    out.push_back({8, 4, kPyc});
  if (bytes.starts_with("\x7f" "ELF") || bytes.starts_with("!<arch>\n")) {
    add_build_ids(bytes, out);
    add_lto_names(bytes, out);
    add_temporary_names(bytes, out);
  }
  return out;
}

}  // namespace extfarm::verification
