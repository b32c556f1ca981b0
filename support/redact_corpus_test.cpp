// Measures the redactor over lines in the forms of many programs: how many secrets it masks, and how
// much else.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/files.hpp"
#include "support/redact.hpp"

namespace jetpack::support {

namespace {

// A line of testing/corpus, whose heads tell the notation.
struct Line {
  std::string text;
  std::string others{};  // without the secrets
  std::vector<std::string> secrets{};
  std::vector<std::string> neighbours{};
  bool is_held_out = false;
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string random_text(char kind, size_t length, std::mt19937& random) {
  const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", lower = "abcdefghijklmnopqrstuvwxyz",
                    digits = "0123456789";
  const std::string letters = kind == 'H'   ? digits + "abcdef"
                              : kind == 'X' ? upper + "234567"
                              : kind == 'D' ? digits
                              : kind == 'L' ? lower + digits
                              : kind == 'B' ? upper + lower + digits + "+/"
                                            : upper + lower + digits;
  std::string text;
  while (text.size() < length) text += letters[random() % letters.size()];
  return text;
}

// {A36} and so on, replaced by values that no scanner takes for a live one.
std::string expanded(std::string text, std::mt19937& random) {
  size_t at = 0;
  while ((at = text.find('{', at)) != std::string::npos) {
    const size_t end = text.find('}', at);
    if (end == std::string::npos) break;
    const std::string inside = text.substr(at + 1, end - at - 1);
    const bool is_count =
        inside.size() > 1 &&
        std::all_of(inside.begin() + 1, inside.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::string value;
    if (inside == "U")
      for (const size_t part : {8U, 4U, 4U, 4U, 12U})
        value += (value.empty() ? "" : "-") + random_text('H', part, random);
    else if (is_count && std::string_view("AHXDLB").find(inside[0]) != std::string_view::npos)
      value = random_text(inside[0], std::stoul(inside.substr(1)), random);
    if (value.empty()) {
      ++at;
      continue;
    }
    text.replace(at, end - at + 1, value);
    at += value.size();
  }
  return text;
}

// Takes the marks out of the line's text, and what is between them into the list.
std::vector<std::string> take_marked(std::string& text, std::string_view open,
                                     std::string_view close) {
  std::vector<std::string> marked;
  size_t at = 0;
  while ((at = text.find(open, at)) != std::string::npos) {
    const size_t end = text.find(close, at);
    REQUIRE(end != std::string::npos);
    std::string inside = text.substr(at + open.size(), end - at - open.size());
    text.replace(at, end + close.size() - at, inside);
    at += inside.size();
    marked.push_back(std::move(inside));
  }
  return marked;
}

std::vector<Line> corpus(const char* name) {
  const char* directory = std::getenv("JETPACK_CORPUS");
  REQUIRE(directory != nullptr);
  const std::string all = read_file(std::string(directory) + '/' + name, 1 << 20).value_or("");
  std::vector<Line> lines;
  std::mt19937 random(5);
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find('\n', at), all.size());
    Line line{all.substr(at, end - at)};
    at = end + 1;
    if (line.text.starts_with("# ") || line.text.starts_with("## ") || line.text.empty()) continue;
    line.text = expanded(std::move(line.text), random);
    replace_all(line.text, "⏎", "\n");
    replace_all(line.text, "⇥", "\t");
    replace_all(line.text, "␀", std::string_view("\0", 1));
    line.neighbours = take_marked(line.text, "‹", "›");
    line.others = line.text;
    line.secrets = take_marked(line.text, "«", "»");
    for (const auto& secret : line.secrets) replace_all(line.others, "«" + secret + "»", "");
    for (auto& secret : line.secrets) take_marked(secret, "‹", "›");
    line.is_held_out = lines.size() % 3 == 2;
    lines.push_back(std::move(line));
  }
  return lines;
}

size_t count(std::string_view text, std::string_view part) {
  size_t times = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++times;
  return times;
}

// Whether any half of it is there, more often than it is elsewhere in the line.
bool shows(const std::string& clean, const std::string& others, std::string_view secret) {
  const size_t half = secret.size() < 6 ? secret.size() : secret.size() / 2;
  return count(clean, secret.substr(0, half)) > count(others, secret.substr(0, half)) ||
         count(clean, secret.substr(secret.size() - half)) >
             count(others, secret.substr(secret.size() - half));
}

struct Figures {
  size_t secrets = 0, masked = 0, harmless = 0, wrongly_masked = 0;

  double recall() const {
    return 100.0 * static_cast<double>(masked) / static_cast<double>(secrets);
  }
  double precision() const {
    return 100.0 * static_cast<double>(masked) / static_cast<double>(masked + wrongly_masked);
  }
};

Figures measure(bool held_out) {
  Figures figures;
  const bool is_quiet = held_out && std::getenv("JETPACK_CORPUS_BLIND") != nullptr;
  for (const auto& line : corpus("secrets.txt")) {
    if (line.is_held_out != held_out) continue;
    const std::string clean = redact(line.text);
    std::string rest = clean;
    replace_all(rest, redaction, "");
    // What is next to it must not be lost with it.
    const bool is_masked =
        std::none_of(line.secrets.begin(), line.secrets.end(),
                     [&](const auto& secret) { return shows(rest, line.others, secret); });
    const bool is_kept = std::all_of(
        line.neighbours.begin(), line.neighbours.end(),
        [&](const auto& neighbour) { return clean.find(neighbour) != std::string::npos; });
    REQUIRE(!line.secrets.empty());
    ++figures.secrets;
    figures.masked += is_masked ? 1 : 0;
    figures.wrongly_masked += is_kept ? 0 : 1;
    if (!is_masked && !is_quiet) MESSAGE("missed: ", line.text, "\n     -> ", clean);
    if (!is_kept && !is_quiet) MESSAGE("neighbour lost: ", line.text, "\n     -> ", clean);
  }
  for (const auto& line : corpus("harmless.txt")) {
    if (line.is_held_out != held_out) continue;
    const std::string clean = redact(line.text);
    ++figures.harmless;
    figures.wrongly_masked += clean == line.text ? 0 : 1;
    if (clean != line.text && !is_quiet) MESSAGE("masked: ", line.text, "\n     -> ", clean);
  }
  MESSAGE(std::string(held_out ? "held out: " : "known: "), figures.masked, " of ", figures.secrets,
          " secrets masked, recall ", figures.recall(), " %, ", figures.wrongly_masked,
          " wrongly masked with ", figures.harmless, " harmless lines, precision ",
          figures.precision(), " %");
  return figures;
}

std::string in_pieces(std::string_view text, size_t size, CandidateFinder find) {
  std::string clean;
  const StreamRedactor::Out out = [&](std::string_view part) { clean += part; };
  StreamRedactor redactor(find);
  for (size_t at = 0; at < text.size(); at += size) redactor.feed(text.substr(at, size), out);
  redactor.finish(out);
  return clean;
}

}  // namespace

TEST_CASE("all forms are masked the same however the text is split") {
  std::string text;
  for (const char* name : {"secrets.txt", "harmless.txt"})
    for (const auto& line : corpus(name)) text += line.text + '\n';
  const std::string clean = redact(text);
  for (const size_t size : {1U, 3U, 64U, 127U, 513U, 1023U, 1665U, 4096U, 65536U})
    CHECK(in_pieces(text, size, candidate_finder()) == clean);
  for (const auto find : candidate_finders()) CHECK(in_pieces(text, 10'000, find) == clean);
}

TEST_CASE("masked lines are not masked again") {
  for (const auto& line : corpus("secrets.txt")) {
    const std::string clean = redact(line.text);
    CHECK(redact(clean) == clean);
  }
}

TEST_CASE("secrets in the forms of many programs are masked, and little else") {
  Figures all;
  for (const bool held_out : {false, true}) {
    const Figures figures = measure(held_out);
    CHECK(figures.recall() >= 97);
    CHECK(figures.precision() >= 98);
    all.secrets += figures.secrets;
    all.harmless += figures.harmless;
  }
  CHECK(all.secrets >= 250);
  CHECK(all.harmless >= 250);
}

}  // namespace jetpack::support
