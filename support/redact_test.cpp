// Tests that secrets are masked wherever a stream is split, and that other text is not.
#include "support/redact.hpp"

#include <initializer_list>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace jetpack::support {

namespace {

struct Sample {
  std::string text;
  std::string clean;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all{
      // JSON, also within a string, and across the lines of a template's parameters.
      {R"({"password": "pa\"55", "a": 1})", R"({"password": "[redacted]", "a": 1})"},
      {R"({"a": "{\"api_key\": \"p\\\"55\", \"b\": 1}"})",
       R"({"a": "{\"api_key\": \"[redacted]\", \"b\": 1}"})"},
      {R"("{\"a\":\"{\\\"token\\\":\\\"p55\\\"}\"}")",
       R"("{\"a\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}")"},
      {"\"adminPassword\": {\n  \"value\": \"p55\"\n}",
       "\"adminPassword\": {\n  \"value\": \"[redacted]\"\n}"},
      {R"({"auth": "dTpw", "cmd": ["x", "--password", "p55"]})",
       R"({"auth": "[redacted]", "cmd": ["x", "--password", "[redacted]"]})"},
      {R"({'secret': 'x', "secret" => "y"})",
       R"({'secret': '[redacted]', "secret" => "[redacted]"})"},
      // INI, YAML, environment.
      {"api_password = pa,5;5 x\nnext", "api_password = [redacted]\nnext"},
      {"a=1\n# db_pass: p&55\r\n- token: x,y\n",
       "a=1\n# db_pass: [redacted]\r\n- token: [redacted]\n"},
      {"export DB_PASSWORD=p55 \nPWD=/root\n", "export DB_PASSWORD=[redacted]\nPWD=/root\n"},
      // URLs.
      {"x https://user:pa55@host/x", "x https://[redacted]@host/x"},
      {"amqp://u:p@ss@h:5672/v y", "amqp://[redacted]@h:5672/v y"},
      {"amqp://u:pa/ss#@h:5672/v y", "amqp://[redacted]@h:5672/v y"},
      {"https://ghp_abcdefghijklmnop0123@github.com/", "https://[redacted]@github.com/"},
      {"GET /b?sv=2024&sig=abc%2B&se=1 200", "GET /b?sv=2024&sig=[redacted]&se=1 200"},
      {R"("https://h/b?sv=1\u0026sig=abc%3D\u0026se=1")",
       R"("https://h/b?sv=1\u0026sig=[redacted]\u0026se=1")"},
      {"?u=https%3A%2F%2Fh%3Fsv%3D1%26sig%3Dabc%253D x",
       "?u=https%3A%2F%2Fh%3Fsv%3D1%26sig%3D[redacted] x"},
      {"GET /?a=1&access_token=abc&b=2", "GET /?a=1&access_token=[redacted]&b=2"},
      // Connection strings.
      {"x AccountName=a;AccountKey=Zm9v/+==;EndpointSuffix=b",
       "x AccountName=a;AccountKey=[redacted];EndpointSuffix=b"},
      {"Server=h;User ID=sa;Password=a,b)c;Encrypt=1",
       "Server=h;User ID=sa;Password=[redacted];Encrypt=1"},
      {"Endpoint=sb://h/;SharedAccessKey=abc=;x", "Endpoint=sb://h/;SharedAccessKey=[redacted];x"},
      {"postgres: host=h password=p55 dbname=d", "postgres: host=h password=[redacted] dbname=d"},
      // Headers and tokens.
      {"> Authorization: Basic dTpw", "> Authorization: [redacted]"},
      {"curl -H 'authorization: Bearer abc.def' h", "curl -H 'authorization: [redacted]' h"},
      {R"("curl -H \"X-Api-Key: abcd\" h")", R"("curl -H \"X-Api-Key: [redacted]\" h")"},
      {"got bearer abcdefghij0123456789 x", "got bearer [redacted] x"},
      {"got eyJhbGciOiJI.eyJzdWIi.c2ln end", "got [redacted] end"},
      // Command lines.
      {"run --password pa,55 --user u", "run --password [redacted] --user u"},
      {"run --db-pass=pa&55 -x", "run --db-pass=[redacted] -x"},
      {std::string("run\0--token\0p55\0-x", 18), std::string("run\0--token\0[redacted]\0-x", 25)},
      {"curl -s -u user:p55 h; sshpass -p p55 ssh h",
       "curl -s -u user:[redacted] h; sshpass -p [redacted] ssh h"},
      {"machine h login u password p55", "machine h login u password [redacted]"},
      // XML.
      {"<a:Password>p55</a:Password>", "<a:Password>[redacted]</a:Password>"},
      {R"(<add key="DbPassword" value="p55"/>)", R"(<add key="DbPassword" value="[redacted]"/>)"},
      // Keys.
      {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n",
       "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----\n"},
      {R"("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n")",
       R"("-----BEGIN PRIVATE KEY-----[redacted]-----END PRIVATE KEY-----\n")"},
  };
  return all;
}

const char* const harmless[] = {"design=1",
                                "the password was wrong",
                                "mail@host",
                                "a: b",
                                "",
                                "sig",
                                "e",
                                "pass",
                                "https://host/path@2",
                                "https://host:8080/a@b",
                                "ssh://git@host/x",
                                "-----BEGIN CERTIFICATE-----",
                                "\"-----BEGIN RSA PRIVATE KEY-----\" in text",
                                "killed by sig=11 (SEGV)",
                                "PASS: test_1",
                                "token = null",
                                "\"password\": \"\"",
                                "\"secret\": {",
                                "password=",
                                "if (token == x)",
                                "<a accesskey=\"n\">",
                                "primary key: 3",
                                "keyboard = us",
                                "public_key: AAAA",
                                "OLDPWD=/root",
                                "user=u:g -u 0:0"};

std::string in_pieces(std::string_view text, const std::vector<size_t>& cuts,
                      CandidateFinder find = candidate_finder()) {
  std::string clean;
  const StreamRedactor::Out out = [&](std::string_view part) { clean += part; };
  StreamRedactor redactor(find);
  size_t from = 0;
  for (const size_t cut : cuts) {
    redactor.feed(text.substr(from, cut - from), out);
    from = cut;
  }
  redactor.feed(text.substr(from), out);
  redactor.finish(out);
  return clean;
}

// Text in which every rule has a candidate.
std::string long_text(size_t bytes) {
  std::mt19937 random(7);
  const std::string filler = "Nov 22 10:00:00 host app[17]: it went well, key by key\n";
  std::string text;
  while (text.size() < bytes) {
    for (size_t i = random() % 40; i > 0; --i) text += filler;
    text += samples()[random() % samples().size()].text;
    text += '\n';
  }
  return text;
}

}  // namespace

TEST_CASE("secrets are masked in all common forms") {
  for (const auto& [text, clean] : samples()) CHECK(redact(text) == clean);
}

TEST_CASE("text that only resembles a secret is kept") {
  for (const char* text : harmless) CHECK(redact(text) == text);
}

TEST_CASE("masked text is not masked again") {
  for (const auto& [text, clean] : samples()) CHECK(redact(clean) == clean);
}

TEST_CASE("the result does not depend on where the text is split") {
  for (const auto& [text, clean] : samples()) {
    for (size_t first = 0; first <= text.size(); ++first) {
      CHECK(in_pieces(text, {first}) == clean);
      for (size_t second = first; second <= text.size(); second += 7)
        CHECK(in_pieces(text, {first, second}) == clean);
    }
  }
}

TEST_CASE("the result does not depend on the length of the pieces") {
  const std::string text = long_text(60'000);
  const std::string clean = redact(text);
  CHECK(clean != text);
  for (const size_t size : std::initializer_list<size_t>{1, 2, 3, 31, 127, 1023, 1024, 1151, 1152,
                                                         1153, 4096, 40'000}) {
    std::vector<size_t> cuts;
    for (size_t at = size; at < text.size(); at += size) cuts.push_back(at);
    CHECK(in_pieces(text, cuts) == clean);
  }
}

TEST_CASE("all implementations find the same candidates") {
  std::string text = long_text(20'000);
  std::mt19937 random(11);
  for (int i = 0; i < 20'000; ++i) text += static_cast<char>(random());
  for (const auto find : candidate_finders()) {
    for (size_t at = 0; at < text.size(); ++at) {
      at = find(text, at);
      REQUIRE(at == candidate_finders().front()(text, at));
    }
    CHECK(in_pieces(text, {1000, 30'000}, find) == redact(text));
  }
}

TEST_CASE("a secret that is longer than any window is masked to its end") {
  const std::string body(100'000, 'A');
  const auto check = [&](const std::string& before, const std::string& after) {
    const std::string clean = before + "[redacted]" + after;
    CHECK(redact(before + body + after) == clean);
    CHECK(in_pieces(before + body + after, {5, 1500, 70'000}) == clean);
  };
  check("x token=", " y");
  check(R"({"token": ")", R"("})");
  check("x sig=", "&y");
  check("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
  CHECK(redact("x https://u:" + body + "@h") == "x https://[redacted]@h");
  const std::string token = "eyJ" + body + "." + body + "." + body;
  CHECK(redact("x " + token + " y") == "x [redacted] y");
}

TEST_CASE("a list or a block of any length is masked to its end") {
  std::string list, block;
  for (int i = 0; i < 1000; ++i) list += "\"secret " + std::to_string(i) + " ]}\", ";
  CHECK(redact("{\"passwords\": [" + list + "\"x\"], \"n\": 1}") ==
        "{\"passwords\": [\"[redacted]\"], \"n\": 1}");
  CHECK(redact("{\"secrets\": {\"a\": [{\"b\": \"x\"}, \"y\"]}, \"n\": 1}") ==
        "{\"secrets\": {\"a\": [{\"b\": \"[redacted]\"}]}, \"n\": 1}");
  for (int i = 0; i < 1000; ++i) block += "  line " + std::to_string(i) + "\n\n";
  CHECK(redact("password: |\n" + block + "next: 1\n") == "password: |\n  [redacted]\nnext: 1\n");
  CHECK(redact("- passwords:\n    - a b\n    - c\n  next: 1\n") ==
        "- passwords:\n    [redacted]\n  next: 1\n");
}

TEST_CASE("a key without an end does not mask all following text") {
  std::string text = "-----BEGIN PRIVATE KEY-----\n";
  for (int i = 0; i < 2000; ++i) text += "Nov 22 10:00:00 host app[17]: it went well\n";
  const std::string clean = redact(text);
  CHECK(clean.size() > text.size() / 2);
  CHECK(clean.size() < text.size() - 10'000);
}

TEST_CASE("secrets are counted per stream") {
  const StreamRedactor::Out nowhere = [](std::string_view) {};
  StreamRedactor redactor;
  redactor.feed("password=x\ntoken=y\n\"password", nowhere);
  CHECK(redactor.finish(nowhere) == 2);
  redactor.feed("\": \"x", nowhere);
  CHECK(redactor.finish(nowhere) == 0);
}

}  // namespace jetpack::support
