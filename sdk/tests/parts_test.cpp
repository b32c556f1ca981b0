// Tables and typed messages.
#include <jetpack/messages.hpp>
#include <jetpack/table.hpp>

#include <doctest/doctest.h>

#include <string>

using jetpack::Json;

TEST_CASE("columns are as wide as their texts, and nothing ends in a blank") {
  jetpack::Table table({"GPU", "NAME", {"MEMORY", jetpack::Align::right}, "NOTE"});
  CHECK(table.empty());
  CHECK(table.text() == "GPU  NAME  MEMORY  NOTE\n");
  table.row({"0", "A100", "80 GiB", ""});
  table.row({"11", "Gr\u00fcn", "8 GiB", "x"});
  CHECK(table.size() == 2);
  CHECK(table.text() ==
        "GPU  NAME  MEMORY  NOTE\n"
        "0    A100  80 GiB\n"
        "11   Gr\u00fcn   8 GiB  x\n");
}

TEST_CASE("a row that is short, long, or holds control characters does no harm") {
  jetpack::Table table({"A", "B"});
  table.row({});
  table.row({"1", "2", "3"});
  table.row({"\x1b[31m", "a\nb"});
  CHECK(table.text() == "A      B\n\n1      2\n?[31m  a?b\n");
  jetpack::Table hostile({"A"});
  hostile.row({"\u009b\u202e\u2066\u200f\u061c\u2028\xFF\x7f\u00e9\u2013"});
  CHECK(hostile.text() == "A\n????????\u00e9\u2013\n");
}

TEST_CASE("a log message has the priority of its level, unless it is given") {
  using jetpack::Severity;
  CHECK(jetpack::log_message("x").data == R"({"level":"info","message":"x","priority":"medium"})");
  CHECK(jetpack::log_message("x", Severity::warn).data ==
        R"({"level":"warn","message":"x","priority":"medium"})");
  CHECK(jetpack::log_message("x", Severity::error).data ==
        R"({"level":"error","message":"x","priority":"high"})");
  CHECK(jetpack::log_message("x", Severity::error, jetpack::Priority::low).data ==
        R"({"level":"error","message":"x","priority":"low"})");
  CHECK(jetpack::log_message("x").type == "log");
}

TEST_CASE("texts are cut with a mark, between code points") {
  CHECK(jetpack::cut_text("short", 30) == "short");
  CHECK(jetpack::cut_text(std::string(5900, 'x'), 30) == "xxxxxxxxxxx\u2026 5,889 bytes cut");
  std::string umlauts;
  for (int i = 0; i < 40'000; ++i) umlauts += "\u00fc";
  const Json data = Json::parse(jetpack::log_message(umlauts).data);
  const std::string text(data["message"].text_or(""));
  CHECK(text.size() <= jetpack::max_message_text);
  CHECK(text.ends_with(" bytes cut"));
  CHECK(text.find("\uFFFD") == std::string::npos);
}

TEST_CASE("an installation leaves out what is empty") {
  using jetpack::Installation;
  CHECK(jetpack::installation_message(Installation::ok).data == R"({"status":"ok"})");
  CHECK(jetpack::installation_message(Installation::running).data == R"({"status":"running"})");
  CHECK(jetpack::installation_message(Installation::warning).data == R"({"status":"warning"})");
  CHECK(jetpack::installation_message(Installation::error, {.message = "m", .detail = "d"}).data ==
        R"({"status":"error","message":"m","detail":"d"})");
}

TEST_CASE("properties are an object") {
  const auto message = jetpack::properties_message(Json().set_path("gpu.count", 8));
  CHECK(message.type == "properties");
  CHECK(message.data == R"({"properties":{"gpu":{"count":8}}})");
  CHECK_THROWS_AS(jetpack::properties_message(Json(3)), jetpack::Error);
}
