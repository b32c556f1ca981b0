// plugin.json.sig and index.json.sig: who signed the file of that name.
#include "bundles/signature.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <jetpack/error.hpp>
#include "bundles/key_files.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"

namespace jetpack::bundles {

namespace {

constexpr std::string_view suffix = ".pub";
constexpr uint64_t max_file = 64 << 10;

}  // namespace

bool is_key_id(std::string_view text) {
  constexpr size_t digits = 16;
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Signature Signature::parse(std::string_view text) {
  const auto fail = [](const char* why) -> Refusal {
    return Refusal(std::string("its signature is damaged: ") + why);
  };
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const size_t first = text.find(' ');
  const size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) throw fail("it is not KEY_ID SIGNATURE PUBLIC_KEY");
  const auto bytes = support::base64_decoded(text.substr(first + 1, second - first - 1));
  const auto raw = support::base64_decoded(text.substr(second + 1));
  const auto key = raw ? PublicKey::from_bytes(*raw) : std::nullopt;
  if (!bytes || !key) throw fail("it is not base64 of the right length");
  Signature signature{*key, *bytes};
  // There is one way to write a signature.
  if (signature.text() != std::string(text) + '\n') throw fail("its key id is another key's");
  return signature;
}

Signature Signature::sign(const PrivateKey& key, std::string_view message) {
  return {key.public_key(), key.sign(message)};
}

std::string Signature::text() const {
  return key.id() + ' ' + support::base64(bytes) + ' ' + support::base64(key.bytes()) + '\n';
}

std::optional<PublicKey> TrustedKeys::read(const std::string& id) const {
  const std::string path = file_of(id);
  const auto text = support::read_private_file(path, max_file);
  if (!text) return std::nullopt;
  const PublicKey key = parse_public_key(*text, path);
  if (key.id() != id)
    throw Error(Errc::corrupt, path + " holds key " + key.id() + "; rename or remove it");
  return key;
}

bool TrustedKeys::contains(const PublicKey& key) const { return read(key.id()) == key; }

bool TrustedKeys::add(const PublicKey& key) const {
  constexpr unsigned directory_mode = 0755, file_mode = 0644;
  support::create_directories(directory_, directory_mode);
  return support::write_if_changed(file_of(key.id()), public_key_pem(key), file_mode);
}

bool TrustedKeys::remove(const std::string& id) const {
  if (!is_key_id(id))
    throw Error(Errc::usage,
                "'" + id + "' is not the id of a key, which has 16 hexadecimal digits");
  if (::unlink(file_of(id).c_str()) == 0) return true;
  if (errno != ENOENT) support::fail_on_file("remove", file_of(id), errno);
  return false;
}

std::vector<TrustedKeys::Listed> TrustedKeys::list() const {
  std::vector<Listed> keys;
  const support::Directory opened(::opendir(directory_.c_str()));
  if (!opened && errno != ENOENT) support::fail_on_file("read", directory_, errno);
  while (const dirent* found = opened ? ::readdir(opened.get()) : nullptr) {
    const std::string_view name = found->d_name;
    if (!name.ends_with(suffix)) continue;
    Listed listed{std::string(name.substr(0, name.size() - suffix.size())), {}};
    try {
      if (!is_key_id(listed.id)) {
        listed.problem = "its name is not the id of a key";
      } else {
        read(listed.id);
      }
    } catch (const Error& error) {
      listed.problem = error.what();
    }
    keys.push_back(std::move(listed));
  }
  std::sort(keys.begin(), keys.end(), [](const Listed& a, const Listed& b) { return a.id < b.id; });
  return keys;
}

}  // namespace jetpack::bundles
