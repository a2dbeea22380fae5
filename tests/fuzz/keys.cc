// Key files: what is accepted as a key is one that ZeroMQ takes.
#include "common/transport/keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <filesystem>

#include "tests/fuzz/input.h"
#include "tests/fuzz/own_folder.h"

namespace {

void write(const std::string& name, std::string_view text) {
  const int fd = ::open((extfarm::fuzz::own_folder() + "/" + name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FARM_CHECK(fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(fd);
}

// What ZeroMQ takes, without the code under test: 32 bytes come out and the same text again.
bool is_taken(const std::string& text) {
  std::array<std::uint8_t, 32> bytes{};
  std::array<char, 41> back{};
  return text.size() == 40 && zmq_z85_decode(bytes.data(), text.c_str()) != nullptr &&
         zmq_z85_encode(back.data(), bytes.data(), bytes.size()) != nullptr && text == back.data();
}

}  // namespace

// The first byte says which file the rest is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  fuzz::Input in(data, size);
  if (in.byte() % 2 == 0) {
    write("client.key", in.rest());
    const auto pair = load_or_make_key_pair(extfarm::fuzz::own_folder(), "client");
    FARM_CHECK(pair ? is_taken(pair->public_key) && is_taken(pair->secret_key)
                    : pair.error().code == ErrorCode::kMalformed);
  } else {
    write("authorized_keys", in.rest());
    const auto keys = load_or_make_authorized_keys(extfarm::fuzz::own_folder(), "");
    FARM_CHECK(keys ? std::all_of(keys->begin(), keys->end(), is_taken) : keys.error().code == ErrorCode::kMalformed);
  }
  return 0;
}
