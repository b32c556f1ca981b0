// Reads public keys as sshd(8) reads the lines of an authorized_keys file.
#include "support/public_keys.hpp"

#include <algorithm>
#include <array>

#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr size_t max_key = 16 << 10;
constexpr std::string_view key_blanks = " \t";
constexpr std::array<std::string_view, 4> types{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"};

bool is_key_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '+' || c == '/' ||
         c == '=';
}

std::string_view without_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(key_blanks), text.size()));
  return text;
}

// A type, blanks, and the key in base64, which begins with a length below 2^8.
bool begins_with_key(std::string_view text) {
  const auto is_type = [&](std::string_view type) { return text.starts_with(type); };
  if (std::none_of(types.begin(), types.end(), is_type)) return false;
  const size_t end = text.find_first_of(key_blanks);
  if (end == std::string_view::npos) return false;
  const std::string_view rest = without_blanks(text.substr(end));
  const std::string_view key = rest.substr(0, rest.find_first_of(key_blanks));
  return key.starts_with("AAAA") && std::all_of(key.begin(), key.end(), is_key_byte);
}

// What follows the options, which end at the first blank outside of quotes; empty when a quote is
// not closed.
std::string_view after_options(std::string_view line) {
  bool is_quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && line.substr(i + 1).starts_with('"')) {
      ++i;
    } else if (line[i] == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && key_blanks.find(line[i]) != std::string_view::npos) {
      return without_blanks(line.substr(i));
    }
  }
  return {};
}

bool is_key_line(std::string_view line) {
  const bool is_text = std::none_of(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
  return is_text && line.size() <= max_key && is_utf8(line) &&
         (begins_with_key(line) || begins_with_key(after_options(line)));
}

// How other programs than OpenSSH's authorized_keys hold keys: "-----BEGIN RSA PRIVATE KEY-----",
// "---- BEGIN SSH2 PUBLIC KEY ----", "PuTTY-User-Key-File-3: ssh-ed25519".
bool begins_block(std::string_view line) {
  return line.starts_with("PuTTY-User-Key-File") ||
         (line.starts_with("----") && line.find("BEGIN ") != std::string_view::npos);
}

bool ends_block(std::string_view line) {
  return line.starts_with("Private-MAC:") ||
         (line.starts_with("----") && line.find("END ") != std::string_view::npos);
}

}  // namespace

PublicKeys read_public_keys(std::string_view text) {
  PublicKeys keys;
  bool is_block = false;
  const auto reject = [&keys](size_t number) {
    if (keys.invalid++ == 0) keys.invalid_line = number;
  };
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<size_t>(1, text.size()));
    if (is_block) {
      is_block = !ends_block(line);
    } else if (begins_block(line)) {
      is_block = true;
      reject(number);
      const bool is_private =
          line.find("PRIVATE") != std::string_view::npos || line.starts_with("PuTTY");
      if (is_private && !keys.has_private_key) keys.private_line = number;
      keys.has_private_key |= is_private;
    } else if (is_key_line(line)) {
      keys.lines.emplace_back(line);
    } else if (!line.empty() && !line.starts_with('#')) {
      reject(number);
    }
  }
  return keys;
}

}  // namespace jetpack::support
