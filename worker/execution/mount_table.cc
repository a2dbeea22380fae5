#include "worker/execution/mount_table.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace extfarm {
namespace {

// "\040" is a blank (proc(5)).
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// The fifth field of each line: "36 35 98:0 /mnt1 /mnt2 rw,noatime …".
std::vector<std::string> mount_points(std::string_view table) {
  std::vector<std::string> points;
  while (!table.empty()) {
    const auto end = table.find('\n');
    auto line = table.substr(0, end);
    table.remove_prefix(end == std::string_view::npos ? table.size() : end + 1);
    for (int field = 1; field < 5; ++field) line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    points.push_back(unescaped(line.substr(0, line.find(' '))));
  }
  return points;
}

}  // namespace

MountTable::MountTable() : table_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}

const std::vector<std::string>& MountTable::points() {
  pollfd changed{table_.get(), POLLPRI, 0};
  if (table_.get() < 0 || (::poll(&changed, 1, 0) == 0 && is_read_)) return points_;
  is_read_ = true;
  std::string text;
  std::array<char, 16 << 10> part;
  ::lseek(table_.get(), 0, SEEK_SET);
  for (ssize_t n = 0; (n = ::read(table_.get(), part.data(), part.size())) > 0;) text.append(part.data(), static_cast<std::size_t>(n));
  points_ = mount_points(text);
  return points_;
}

}  // namespace extfarm
