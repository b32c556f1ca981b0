// Private keys: PEM and other blocks of lines.
#include "support/redact_detectors.hpp"

namespace jetpack::support {

// -----BEGIN RSA PRIVATE KEY-----, ---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----
std::optional<Secret> private_key(const WindowReader& text) {
  constexpr size_t longest_label = 64;
  const bool is_ssh2 = text.has_exactly(text.at(), "- BEGIN ");
  const std::string_view begin = is_ssh2 ? "- BEGIN " : "-BEGIN ";
  const std::string_view dashes = is_ssh2 ? " ----" : "-----";
  if (!text.has_exactly(text.at(), begin) || !text.has_before(text.at(), is_ssh2 ? "---" : "----"))
    return std::nullopt;
  bool is_private = false;
  size_t end = text.at() + begin.size();
  const size_t last = end + longest_label;
  for (; end < last && !text.has_exactly(end, dashes); ++end)
    is_private |= text.has_exactly(end, "PRIVATE KEY");
  if (!is_private || !text.has_exactly(end, dashes)) return std::nullopt;
  end += dashes.size();
  // In a program the mark alone is no key.
  if (!is_alnum(text[end]) && !is_one_of(text[end], "\r\n\\ \t")) return std::nullopt;
  return Secret{end, Masking::private_key(is_ssh2 ? "---- END" : "-----END")};
}

// Keys of PuTTY, Ansible's vaults, and PEM that is base64 once more.
std::optional<Secret> block(const WindowReader& text) {
  constexpr std::string_view certificate = "BDRVJUSUZJ";  // "-----BEGIN CERTIFI"
  constexpr std::string_view public_key = "BQVUJMSUM";
  const size_t at = text.at();
  const size_t line = text.line_end(at);
  if (text.has_exactly(at, "LS0tLS1CRUdJTi")) {
    const size_t label = at + 14;
    if (text.has_exactly(label, certificate) || text.has_exactly(label, public_key))
      return std::nullopt;
    if (!is_alnum(text[label])) return std::nullopt;
    return Secret{at, Masking::block()};
  }
  if (text.has_exactly(at, "-MAC: ") && text.has_before(at, "private"))
    return Secret{at + 6, Masking::until(Masking::at_line)};
  const bool is_putty = text.has_exactly(at, "e-Lines: ") && text.has_before(at, "privat");
  const bool is_vault = text.has_exactly(at, "$ANSIBLE_VAULT;");
  if (!is_putty && !is_vault) return std::nullopt;
  const size_t start = text.skip(line, " \t\r\n", 64);
  if (start == line || start >= text.size() || text[start] == '[') return std::nullopt;
  return Secret{start, Masking::block()};
}

}  // namespace jetpack::support
