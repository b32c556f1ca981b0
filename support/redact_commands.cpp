// Secrets in command lines: the options of known commands that take one, and what is piped.
#include <algorithm>
#include <array>

#include "support/redact_detectors.hpp"
#include "support/redact_values.hpp"

namespace jetpack::support {

namespace {

// What of the option's value is secret.
enum class Form : uint8_t {
  whole,     // -p PASSWORD
  attached,  // only -pPASSWORD: -p alone asks for it
  user,      // -u USER:PASSWORD
  percent,   // -U USER%PASSWORD
  pair,      // -b NAME=VALUE
};

struct Option {
  std::string_view command;  // how a word of the line starts
  std::string_view verb;     // a word that must follow, or ""
  std::string_view letters;
  Form form;
};

constexpr auto secret_options = std::to_array<Option>({
    {"curl", "", "uU", Form::user},
    {"curl", "", "b", Form::pair},
    {"wget", "", "u", Form::user},
    {"mysql", "", "p", Form::attached},
    {"mariadb", "", "p", Form::attached},
    {"7z", "", "p", Form::attached},
    {"docker", "login", "p", Form::whole},
    {"podman", "login", "p", Form::whole},
    {"buildah", "login", "p", Form::whole},
    {"skopeo", "login", "p", Form::whole},
    {"nerdctl", "login", "p", Form::whole},
    {"crane", "login", "p", Form::whole},
    {"helm", "login", "p", Form::whole},
    {"oc", "login", "p", Form::whole},
    {"az", "login", "p", Form::whole},
    {"apptainer", "login", "p", Form::whole},
    {"singularity", "login", "p", Form::whole},
    {"redis-cli", "", "a", Form::whole},
    {"valkey-cli", "", "a", Form::whole},
    {"ldappasswd", "", "wa", Form::whole},
    {"ldap", "", "w", Form::whole},
    {"kadmin", "", "w", Form::whole},
    {"ipmitool", "", "P", Form::whole},
    {"ipmipower", "", "p", Form::whole},
    {"ipmi-", "", "p", Form::whole},
    {"ipmiconsole", "", "p", Form::whole},
    {"bmc-", "", "p", Form::whole},
    {"racadm", "", "p", Form::whole},
    {"sshpass", "", "p", Form::whole},
    {"useradd", "", "p", Form::whole},
    {"usermod", "", "p", Form::whole},
    {"openssl", "enc", "kK", Form::whole},
    {"snmp", "", "AX", Form::whole},
    {"sqlcmd", "", "P", Form::whole},
    {"bcp", "", "P", Form::whole},
    {"mongo", "", "p", Form::whole},
    {"zip", "", "P", Form::whole},
    {"unzip", "", "P", Form::whole},
    {"mosquitto_", "", "P", Form::whole},
    {"rabbitmqadmin", "", "p", Form::whole},
    {"smbclient", "", "U", Form::percent},
    {"rpcclient", "", "U", Form::percent},
    {"net", "ads", "U", Form::percent},
});

constexpr auto secret_readers =
    std::to_array<std::string_view>({"sudo ", "kinit", "passwd", "docker login", "podman login",
                                     "cryptsetup", "chpasswd", "helm registry login", "smbpasswd",
                                     "kadmin", "keyctl padd", "openssl", "realm join", "adcli "});

bool is_part_of_word(char c) { return is_alnum(c) || is_one_of(c, "_-."); }

// Where a word of the line that starts with `word` is, or npos.
size_t find_word(std::string_view line, std::string_view word, bool is_whole) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const size_t end = at + word.size();
    if (at > 0 && is_part_of_word(line[at - 1])) continue;
    if (is_whole && end < line.size() && is_part_of_word(line[end])) continue;
    return at;
  }
  return std::string_view::npos;
}

const Option* option_of(std::string_view line, char letter) {
  for (const auto& known : secret_options) {
    if (!is_one_of(letter, known.letters)) continue;
    const bool is_family = known.command.ends_with('-') || known.command.ends_with('_') ||
                           is_one_of(known.command[0], "lsmk7");
    const size_t at = find_word(line, known.command, !is_family);
    if (at == std::string_view::npos) continue;
    if (known.verb.empty() ||
        find_word(line.substr(at), known.verb, true) != std::string_view::npos)
      return &known;
  }
  return nullptr;
}

// From `at` to the end of the word, which a quote may open; behind the colon in it, or the
// percent sign, when the form has one.
std::optional<Secret> argument(const WindowReader& text, size_t at, Form form, char outer) {
  const size_t open = behind_quote(text, at);
  const bool is_quoted = open != at;
  const char quote = is_quoted ? text[open - 1] : is_quote(outer) ? outer : '\0';
  const auto ends_value = [&](char c) {
    return quote != '\0' ? c == quote || c == '\n' || c == '\r' : ends(c, Masking::at_blank);
  };
  size_t start = open;
  if (form == Form::user || form == Form::percent || form == Form::pair) {
    const char mark = form == Form::user ? ':' : form == Form::pair ? '=' : '%';
    start = text.skip_while(open, [&](char c) { return c != mark && !ends_value(c); });
    if (text[start] != mark) return std::nullopt;
    ++start;
  }
  if (start >= text.size() || ends_value(text[start])) return std::nullopt;
  if (is_placeholder(text, start, Masking::at_blank)) return std::nullopt;
  if (quote == '\0') return Secret{start, Masking::until(Masking::at_blank)};
  return Secret{start, Masking::quoted(
                           quote, open - 1 - at < deepest_quote && is_quoted ? open - 1 - at : 0)};
}

// Behind an option: in ["curl", "-u", "a:b"] behind the quotes and the comma.
size_t behind_option(const WindowReader& text, size_t at, char outer) {
  if (is_quote(outer) && text[at] == outer) ++at;
  if (text[at] == '=') return at + 1;
  return text.skip(at, std::string_view(" \t,\0", 4));
}

}  // namespace

std::optional<Secret> option(const WindowReader& text) {
  const size_t at = text.at();
  const std::string_view line = text.line_before(at);
  if (text[at] == '-') {  // --user, --proxy-user, --src-creds
    size_t end = text.skip_while(at + 1, is_alnum);
    const bool is_known = text.has_exactly(at, "-user") || text.has_exactly(at, "-creds");
    if (!is_known || end - at > 6) return std::nullopt;
    if (text.has_exactly(at, "-user") && find_word(line, "curl", true) == std::string_view::npos)
      return std::nullopt;
    size_t word = at;
    while (word > 0 && is_name_char(text[word - 1])) --word;
    const size_t value = behind_option(text, end, text.before(word));
    return value > end ? argument(text, value, Form::user, '\0') : std::nullopt;
  }
  const char letter = text[at + 2];
  const Option* known = option_of(line, letter);
  if (known == nullptr) return std::nullopt;
  const char outer = text[at];
  const size_t end = at + 3;
  const size_t value = behind_option(text, end, outer);
  if (known->form == Form::attached)
    return value == end ? argument(text, end, known->form, outer) : std::nullopt;
  if (value == end) return argument(text, end, known->form, outer);
  if (text[value] == '-') return std::nullopt;
  return argument(text, value, known->form, '\0');
}

// echo SECRET | command, command <<< SECRET
std::optional<Secret> piped(const WindowReader& text) {
  const size_t at = text.at();
  const std::string_view line = text.line_before(at);
  if (text[at] == '<') {
    const bool is_known = line.find("passw") != std::string_view::npos ||
                          line.find("kinit") != std::string_view::npos;
    if (!is_known) return std::nullopt;
    const size_t value = text.skip(at + 3, blank_bytes);
    const bool is_user = line.find("chpasswd") != std::string_view::npos;
    return argument(text, value, is_user ? Form::user : Form::whole, '\0');
  }
  const bool is_known =
      std::any_of(secret_readers.begin(), secret_readers.end(),
                  [&](std::string_view reader) { return text.has_exactly(at + 2, reader); });
  const bool is_stdin = text.has_exactly(at + 2, "passwd") || !text.has_exactly(at + 2, "sudo ") ||
                        text.has_exactly(at + 7, "-S") || text.has_exactly(at + 7, "chpasswd");
  const size_t echo = std::max(line.rfind("echo ") + 1, line.rfind("printf ") + 1);
  if (!is_known || !is_stdin || echo == 0) return std::nullopt;
  const size_t first = at - line.size() + echo - 1;
  size_t start = text.skip_while(first, [](char c) { return c != ' '; }) + 1;
  if (text.has_exactly(start, "-n ") || text.has_exactly(start, "-e ")) start += 3;
  size_t end = at;
  while (end > start && text[end - 1] == ' ') --end;
  if (is_quote(text[start])) ++start;
  if (end > start && is_quote(text[end - 1])) --end;
  if (text.has_exactly(at + 2, "chpasswd") || text.has_exactly(at + 7, "chpasswd"))
    start = text.skip_while(start, [](char c) { return c != ':' && c != '\n'; }) + 1;
  if (start >= end || start + reach_back < at || is_placeholder(text, start, Masking::at_blank))
    return std::nullopt;
  return Secret{start, Masking::bytes(end - start)};
}

std::optional<Secret> slash_user(const WindowReader& text) {
  if (!text.has_exactly(text.at(), "qlplus ")) return std::nullopt;
  size_t at = text.at() + 7;
  while (text[at] == '-') at = text.skip_while(at, [](char c) { return c > ' '; }) + 1;
  const size_t slash = text.skip_while(at, is_part_of_word);
  const size_t end =
      text.skip_while(slash + 1, [](char c) { return c != '@' && !ends(c, Masking::at_blank); });
  if (text[slash] != '/' || slash == at || end == slash + 1) return std::nullopt;
  return Secret{slash + 1, Masking::bytes(end - slash - 1)};
}

// HOST:5432:DATABASE:USER:PASSWORD, a whole line
std::optional<Secret> pgpass(const WindowReader& text) {
  const std::string_view host = text.line_before(text.at());
  const bool is_host = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return is_part_of_word(c) || is_one_of(c, "*/");
  });
  if (!is_host || !is_digit(text[text.at() + 4]) || text[text.at() + 5] != ':') return std::nullopt;
  size_t at = text.at() + 6;
  for (int field = 0; field < 2; ++field) {
    const size_t end = text.skip_while(at, [](char c) { return is_part_of_word(c) || c == '*'; });
    if (text[end] != ':' || end == at) return std::nullopt;
    at = end + 1;
  }
  if (ends(text[at], Masking::at_blank) || at >= text.size()) return std::nullopt;
  return Secret{at, Masking::until(Masking::at_line)};
}

std::optional<Secret> sql_password(const WindowReader& text) {
  if (!text.has_before(text.at(), "identified ")) return std::nullopt;
  const size_t quote = text.at() + 3;
  if (text[quote] == text[quote + 1]) return std::nullopt;
  return Secret{quote + 1, Masking::quoted(text[quote], 0)};
}

}  // namespace jetpack::support
