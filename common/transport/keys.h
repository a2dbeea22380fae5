// CURVE key pairs and the allow-list, as files below ~/.extfarm:
//   client.key, worker.key   two lines, public then secret, Z85; mode 0600
//   authorized_keys          one public key a line, then a comment; '#' lines are skipped
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace extfarm {

struct KeyPair {
  std::string public_key;  // Z85, 40 characters
  std::string secret_key;  // Z85, 40 characters
};

KeyPair make_key_pair();

// Whether the text is a key: 40 characters of Z85, each five of which are less than 2^32.
bool is_key(std::string_view text);

// Reads `folder`/`name`.key; makes folder (0700) and file (0600) when absent.
// Two processes that start at once end with the same key.  Errors: kRefused
// when others can read the secret, kMalformed with the line; each says what to do.
Result<KeyPair> load_or_make_key_pair(const std::string& folder, const std::string& name);

// Public keys allowed to use a worker; makes the file with `own_public_key` in
// it when absent.  Errors: kMalformed with the line.
Result<std::vector<std::string>> load_or_make_authorized_keys(const std::string& folder,
                                                              const std::string& own_public_key);

}  // namespace extfarm
