#include "support/prometheus.hpp"

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("metrics are written as Prometheus reads them") {
  Metrics metrics("x_");
  metrics.add("gauge", "one", "The first.", 1)
      .metric("counter", "two", "The second.")
      .sample(2, {{"of", "a\"b\\c\nd"}, {"in", "e"}})
      .sample_seconds(0.25, {{"of", "f"}});
  CHECK(metrics.take() ==
        "# HELP x_one The first.\n# TYPE x_one gauge\nx_one 1\n"
        "# HELP x_two The second.\n# TYPE x_two counter\n"
        "x_two{of=\"a\\\"b\\\\c\\\\nd\",in=\"e\"} 2\nx_two{of=\"f\"} 0.250000\n");
}

}  // namespace jetpack::support
