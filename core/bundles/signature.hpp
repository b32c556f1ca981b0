// plugin.json.sig and index.json.sig: who signed the file of that name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundles/ed25519.hpp"

namespace jetpack::bundles {

// One line: KEY_ID SIGNATURE_BASE64 PUBLIC_KEY_BASE64.
struct Signature {
  PublicKey key;
  std::string bytes;

  // Throws Refusal unless the text is such a line and the id is the key's.
  static Signature parse(std::string_view text);
  static Signature sign(const PrivateKey& key, std::string_view message);
  std::string text() const;
  bool is_of(std::string_view message) const { return key.verifies(message, bytes); }
};

// The keys that an administrator trusts: files HOME/plugins/keys/KEYID.pub.
class TrustedKeys {
 public:
  explicit TrustedKeys(std::string directory) : directory_(std::move(directory)) {}

  // Whether this very key is trusted. Throws Errc::denied for a file that others could have written,
  // Errc::corrupt for one that is no key.
  bool contains(const PublicKey& key) const;
  // Adds it; false when it is there already.
  bool add(const PublicKey& key) const;
  // False when there is no such key.
  bool remove(const std::string& id) const;

  struct Listed {
    std::string id;
    std::string problem;  // why it is not used; empty when it is
  };
  std::vector<Listed> list() const;

 private:
  std::optional<PublicKey> read(const std::string& id) const;
  std::string file_of(const std::string& id) const { return directory_ + '/' + id + ".pub"; }

  std::string directory_;
};

// Whether the text has the form of a key's id: 16 hexadecimal digits in lower case.
bool is_key_id(std::string_view text);

}  // namespace jetpack::bundles
