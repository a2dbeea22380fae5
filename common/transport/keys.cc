#include "common/transport/keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>

namespace extfarm {
namespace {

constexpr std::size_t kKeyLength = 40;

Result<void> make_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return failure(ErrorCode::kIo, "cannot make the key folder " + folder + ": " + std::strerror(errno) +
                                    "; HOME (for a worker also --key-folder) has to name a folder you may write in");
}

// Writes a whole file under a temporary name and links it into place, so that
// of two processes one wins and both then read the same.
Result<void> make_file(const std::string& path, const std::string& content) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) return failure(ErrorCode::kIo, "cannot create " + path + ": " + std::strerror(errno));
  bool ok = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  ok = ::close(fd) == 0 && ok;
  ok = ok && (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const std::string reason = std::strerror(errno);
  ::unlink(temporary.c_str());
  if (!ok) return failure(ErrorCode::kIo, "cannot write " + path + ": " + reason);
  return {};
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// ZeroMQ's RFC 32, in the order of the digits' values.
constexpr std::string_view kZ85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

}  // namespace

bool is_key(std::string_view text) {
  if (text.size() != kKeyLength) return false;
  for (; !text.empty(); text.remove_prefix(5)) {
    std::uint64_t four_bytes = 0;
    for (const char c : text.substr(0, 5)) {
      const auto digit = kZ85.find(c);
      if (digit == std::string_view::npos) return false;
      four_bytes = 85 * four_bytes + digit;
    }
    if (four_bytes > 0xffffffffu) return false;
  }
  return true;
}

Result<KeyPair> load_or_make_key_pair(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name + ".key";
  if (!exists(path)) {
    if (auto made = make_folder(folder); !made) return tl::unexpected(made.error());
    const KeyPair fresh = make_key_pair();
    if (auto made = make_file(path, fresh.public_key + "\n" + fresh.secret_key + "\n"); !made) {
      return tl::unexpected(made.error());
    }
  }
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0)
    return failure(ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno));
  if ((st.st_mode & 077) != 0) {
    return failure(ErrorCode::kRefused,
                   "the secret key " + path + " can be read by others; run: chmod 600 " + path);
  }
  std::ifstream file(path);
  KeyPair out;
  for (auto [number, line] : {std::pair<int, std::string*>{1, &out.public_key}, {2, &out.secret_key}}) {
    if (!std::getline(file, *line) || !is_key(*line)) {
      return failure(ErrorCode::kMalformed,
                     path + ", line " + std::to_string(number) +
                         ": no key of 40 characters; remove the file to have a new one made");
    }
  }
  return out;
}

Result<std::vector<std::string>> load_or_make_authorized_keys(const std::string& folder,
                                                              const std::string& own_public_key) {
  const std::string path = folder + "/authorized_keys";
  if (!exists(path)) {
    if (auto made = make_folder(folder); !made) return tl::unexpected(made.error());
    const std::string content =
        "# Public keys that may run compiles on this user's workers, one a line, then a comment.\n" +
        own_public_key + " own\n";
    if (auto made = make_file(path, content); !made) return tl::unexpected(made.error());
  }
  std::ifstream file(path);
  if (!file) return failure(ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno));
  std::vector<std::string> out;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    std::istringstream words(line);
    std::string key;
    if (!(words >> key) || key[0] == '#') continue;
    if (!is_key(key)) {
      return failure(ErrorCode::kMalformed,
                     path + ", line " + std::to_string(number) +
                         ": no key of 40 characters; write one as `extfarm keys` shows it");
    }
    out.push_back(key);
  }
  return out;
}

}  // namespace extfarm
