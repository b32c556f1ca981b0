// Finds the places in a text where a secret may be, at memory speed, so that the rules look only
// there.
#include "support/redact_candidates.hpp"

#include <algorithm>
#include <array>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>

#include "support/cpu_features.hpp"
#endif

namespace jetpack::support {

namespace {

// Four consecutive sets of bytes. A first look tells only the buckets apart, and only by the halves
// of bytes; a search chose the buckets that give the fewest false candidates in logs and documents.
struct Pattern {
  unsigned bucket;
  bool any_case;
  Rule rule;
  std::array<std::string_view, candidate_bytes> sets;
};

using namespace std::string_view_literals;

constexpr auto separator_set = "=:\"'\\ \t%>&]<)"sv;
constexpr auto behind_key_set = "=:\"'\\ \t%>&]<)sS_-dDvV1234567890"sv;
constexpr auto behind_pass_set = "=:\"'\\ \t%>&]<)wpcsvh_-0123456789"sv;
constexpr auto before_option_set = " \t\"',[\0"sv;
constexpr auto boundary_set = " \t\n\"'=:,([/`>{|"sv;
constexpr auto digit_set = "0123456789"sv;
constexpr auto hex_set = "0123456789abcdef"sv;
#define JETPACK_ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define JETPACK_MARKS "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"
constexpr auto base64_set = JETPACK_ALNUM "+/"sv;
constexpr auto base64url_set = JETPACK_ALNUM "-_"sv;
constexpr auto hash_set = JETPACK_ALNUM "+/=."sv;
constexpr auto entra_set = JETPACK_ALNUM "-_~."sv;
constexpr auto before_pw_set = JETPACK_ALNUM "_-.\"' \t\n:/,([{>"sv;
constexpr auto printable_set = JETPACK_ALNUM JETPACK_MARKS ""sv;
constexpr auto behind_option_set = JETPACK_ALNUM JETPACK_MARKS "\\ \t\0"sv;
#undef JETPACK_ALNUM
#undef JETPACK_MARKS

constexpr auto patterns = std::to_array<Pattern>({
    {8, false, Rule::user_information, {":", "/", "/", printable_set}},  // https://user:password@
    {15, false, Rule::data_source, {"@", "tu", "cn", "pi"}},             // user:password@tcp(host)
    {3, false, Rule::web_token, {"e", "y", "J", base64url_set}},         // JSON web tokens
    {8,
     true,
     Rule::name,
     {"a", "s", "s", behind_pass_set}},                     // password, passwd, passphrase, db_pass
    {1, true, Rule::name, {"p", "w", "d", separator_set}},  // pwd
    {1, true, Rule::name, {"p", "s", "k", separator_set}},  // psk
    {3, true, Rule::name, {before_pw_set, "p", "w", separator_set}},  // bindpw
    {12, true, Rule::name, {"c", "r", "e", "td"}},                    // secret, credential
    {15, true, Rule::name, {"o", "k", "e", "n"}},                     // token
    {6, true, Rule::name, {"o", "o", "k", "i"}},                      // cookie
    {8, true, Rule::name, {"k", "e", "y", behind_key_set}},           // api_key, AccountKey
    {2, true, Rule::name, {"u", "t", "h", separator_set}},            // auth
    {6, true, Rule::name, {"h", "t", "o", "k"}},                      // authtok
    {2, true, Rule::name, {"s", "i", "g", separator_set}},            // sig
    {13, true, Rule::name, {"g", "n", "a", "t"}},                     // signature
    {6, false, Rule::name, {"?&", "c", "o", "d"}},                    // code of a URL
    {9, true, Rule::name, {"r", "i", "z", "a"}},                      // authorization
    {12, true, Rule::sql_password, {"b", "y", " ", "\"'"}},           // IDENTIFIED BY 'password'
    {12, true, Rule::scheme_token, {"a", "r", "e", "r"}},             // Bearer
    {9, true, Rule::scheme_token, {"a", "s", "i", "c"}},              // Basic
    {14,
     false,
     Rule::option,
     {before_option_set, "-", "uUpPaAwWkXb",
      behind_option_set}},                            // curl -u, mysql -p, ldapsearch -w
    {12, false, Rule::option, {"-", "u", "s", "e"}},  // curl --user, --proxy-user
    {11, false, Rule::option, {"-", "c", "r", "e"}},  // skopeo --src-creds
    {7, false, Rule::piped, {"|", " ", "acdhkprs", "acdehiou"}},  // echo password | sudo -S
    {4, false, Rule::piped, {"<", "<", "<", " \"'"}},             // chpasswd <<< user:password
    {11, false, Rule::slash_user, {"q", "l", "p", "l"}},          // sqlplus user/password@service
    {4, false, Rule::pgpass, {":", "5", "4", "3"}},               // .pgpass
    {2, false, Rule::private_key, {"-", " ", "B", "E"}},          // SSH2 private keys
    {12, false, Rule::private_key, {"-", "B", "E", "G"}},         // PEM
    {0, false, Rule::block, {"e", "-", "L", "i"}},                // PuTTY's Private-Lines
    {5, false, Rule::block, {"-", "M", "A", "C"}},                // PuTTY's Private-MAC
    {14, false, Rule::block, {"$", "A", "N", "S"}},               // Ansible vault
    {7, false, Rule::block, {"L", "S", "0", "t"}},                // base64 of PEM
    {3, false, Rule::kerberos_key, {"(", "0", "x", hex_set}},     // klist -K
    {1, false, Rule::hash, {"$", "1567y", "$", hash_set}},        // crypt: $6$salt$...
    {13, false, Rule::hash, {"$", "2ga", "abxypr", "$yrg"}},      // $2b$, $gy$, $apr1$, $argon2id$
    {2, false, Rule::hash, {"{", "SCP", "SHRB", "AHYK"}},  // {SSHA}, {SHA}, {CRYPT}, {PBKDF2}
    {9, false, Rule::hash, {"b", "k", "d", "f"}},          // grub.pbkdf2
    {10, false, Rule::azure_key, {base64_set, base64_set, "=", "="}},  // 88 characters of base64
    {3, false, Rule::entra_secret, {digit_set, "Q", "~", entra_set}},  // Entra ID client secrets
    {6, false, Rule::webhook, {"h", "o", "o", "k"}},                 // webhooks of Slack and Teams
    {15, false, Rule::prefixed, {"g", "h", "pousr", "_"}},           // ghp_
    {9, false, Rule::prefixed, {"b", "_", "p", "a"}},                // github_pat_
    {13, false, Rule::prefixed, {"g", "l", "pdrs", "ato"}},          // glpat-, gldt-, glrt-, glsa_
    {13, false, Rule::prefixed, {"g", "l", "cfiao", "b_ftmga"}},     // glcbt-, glft-, glimt-
    {7, false, Rule::prefixed, {"x", "oak", "xpe", "bpaorsey"}},     // xoxb-, xapp-, xkeysib-
    {5, false, Rule::prefixed, {boundary_set, "srh", "kf8", "-_"}},  // sk-, sk_live_, hf_
    {3, false, Rule::prefixed, {boundary_set, "S", "G", "."}},       // SG.
    {15, false, Rule::prefixed, {"n", "vptf", "amnp", "p_"}},        // nvapi-, npm_, ntn_, nfp_
    {0, false, Rule::prefixed, {"p", "y", "p", "i"}},                // pypi-
    {13, false, Rule::prefixed, {"d", "ca", "kp", "ri"}},            // dckr_pat_, dapi
    {12, false, Rule::prefixed, {"h", "v", "sbr", "."}},             // hvs.
    {8, false, Rule::prefixed, {"A", "KSBCTI", "ICAz", "Apa T"}},    // AKIA, AKCp, ATATT3, AIza
    {14, false, Rule::prefixed, {"A", "G", "E", "-"}},               // AGE-SECRET-KEY-1
    {7, false, Rule::prefixed, {"y", "a", "2", "9"}},                // ya29.
    {5, false, Rule::prefixed, {"LPNH", "TMR", "AK", "IKU"}},        // LTAI, PMAK-, NRAK-, HRKU-
    {13, false, Rule::prefixed, {"d", "o", "opr", "_"}},             // dop_v1_
    {6, false, Rule::prefixed, {"d", "tp", "0.", "cps"}},            // dt0c01., dp.pt.
    {0, false, Rule::prefixed, {"lps", "iubq", "nlp0", "_-ac"}},  // lin_api_, pul-, sbp_, sq0atp-
    {11, false, Rule::prefixed, {"s", "hn", "pt", "acpsr"}},      // shpat_, sntrys_
    {1, false, Rule::prefixed, {"tg", "s", "k", "e_"}},           // tskey-, gsk_
    {9, false, Rule::prefixed, {"fp", "ips", "glc", "dxa"}},      // figd_, pplx-, pscale_
    {11, false, Rule::prefixed, {"s", "v", "1", "."}},            // atlasv1.
    {15, false, Rule::prefixed, {"2", "5", "6", "~"}},            // sha256~
});

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Calls add(pattern's index, position, byte) for each byte of each set.
template <class Add>
constexpr void for_each_byte(Add add) {
  for (size_t p = 0; p < patterns.size(); ++p) {
    for (size_t i = 0; i < candidate_bytes; ++i) {
      for (const char c : patterns[p].sets[i]) {
        add(p, i, static_cast<unsigned char>(c));
        if (patterns[p].any_case && is_letter(c)) add(p, i, static_cast<unsigned char>(c ^ 0x20));
      }
    }
  }
}

// A bit for each pattern: exact.
using Exact = std::array<std::array<uint64_t, 256>, candidate_bytes>;
constexpr Exact make_exact() {
  static_assert(patterns.size() <= 64);
  Exact tables{};
  for_each_byte(
      [&](size_t p, size_t i, unsigned char byte) { tables[i][byte] |= uint64_t{1} << p; });
  return tables;
}
constexpr Exact exact = make_exact();

// The first look takes this many tables of eight buckets.
constexpr size_t groups = 2;
constexpr size_t buckets = 8;
constexpr size_t nibbles = 16;
constexpr size_t widest = 64;
// An entry for each nibble, repeated to fill the widest register.
using Nibbles = std::array<uint8_t, widest>;

// A byte is in a set when the entries of both its nibbles have the bucket's bit.
struct alignas(widest) Tables {
  std::array<Nibbles, candidate_bytes> low{};
  std::array<Nibbles, candidate_bytes> high{};
};

constexpr std::array<Tables, groups> make_tables() {
  std::array<Tables, groups> tables;
  for_each_byte([&](size_t p, size_t i, unsigned char byte) {
    auto& table = tables[patterns[p].bucket / buckets];
    const auto bit = static_cast<uint8_t>(1U << patterns[p].bucket % buckets);
    for (size_t copy = 0; copy < widest; copy += nibbles) {
      table.low[i][copy + (byte & 15)] |= bit;
      table.high[i][copy + (byte >> 4)] |= bit;
    }
  });
  return tables;
}
[[maybe_unused]] constexpr std::array<Tables, groups> nibble_tables = make_tables();

inline uint64_t exact_at(const char* bytes) {
  const auto at = [&](size_t i) { return exact[i][static_cast<unsigned char>(bytes[i])]; };
  return at(0) & at(1) & at(2) & at(3);
}

size_t find_portable(std::string_view text, size_t from) {
  for (size_t at = from; at + candidate_bytes <= text.size(); ++at)
    if (exact_at(text.data() + at) != 0) return at;
  return text.size();
}

#if defined(__x86_64__)

// The first of the places in `hits`, a bit for each byte from `start` on, that is a candidate.
inline size_t first_exact(const char* start, uint64_t hits) {
  for (; hits != 0; hits &= hits - 1) {
    const auto place = static_cast<size_t>(std::countr_zero(hits));
    if (exact_at(start + place) != 0) return place;
  }
  return std::string_view::npos;
}

__attribute__((target("ssse3"))) size_t find_ssse3(std::string_view text, size_t from) {
  constexpr size_t width = sizeof(__m128i);
  const __m128i half = _mm_set1_epi8(15);
  while (from + width + candidate_bytes - 1 <= text.size()) {
    __m128i all = _mm_setzero_si128();
    for (const auto& tables : nibble_tables) {
      __m128i hits = _mm_set1_epi8(-1);
      for (size_t i = 0; i < candidate_bytes; ++i) {
        const void* low_table = tables.low[i].data();
        const void* high_table = tables.high[i].data();
        const void* place = text.data() + from + i;
        const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(place));
        const __m128i low = _mm_shuffle_epi8(
            _mm_loadu_si128(static_cast<const __m128i*>(low_table)), _mm_and_si128(bytes, half));
        const __m128i high =
            _mm_shuffle_epi8(_mm_loadu_si128(static_cast<const __m128i*>(high_table)),
                             _mm_and_si128(_mm_srli_epi16(bytes, 4), half));
        hits = _mm_and_si128(hits, _mm_and_si128(low, high));
      }
      all = _mm_or_si128(all, hits);
    }
    const auto none =
        static_cast<uint16_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_setzero_si128())));
    if (none != 0xFFFF) {
      const size_t place = first_exact(text.data() + from, ~uint32_t{none} & 0xFFFF);
      if (place != std::string_view::npos) return from + place;
    }
    from += width;
  }
  return find_portable(text, from);
}

__attribute__((target("avx2"))) size_t find_avx2(std::string_view text, size_t from) {
  constexpr size_t width = sizeof(__m256i);
  const __m256i half = _mm256_set1_epi8(15);
  while (from + width + candidate_bytes - 1 <= text.size()) {
    __m256i all = _mm256_setzero_si256();
    for (const auto& tables : nibble_tables) {
      __m256i hits = _mm256_set1_epi8(-1);
      for (size_t i = 0; i < candidate_bytes; ++i) {
        const void* low_table = tables.low[i].data();
        const void* high_table = tables.high[i].data();
        const void* place = text.data() + from + i;
        const __m256i bytes = _mm256_loadu_si256(static_cast<const __m256i*>(place));
        const __m256i low =
            _mm256_shuffle_epi8(_mm256_loadu_si256(static_cast<const __m256i*>(low_table)),
                                _mm256_and_si256(bytes, half));
        const __m256i high =
            _mm256_shuffle_epi8(_mm256_loadu_si256(static_cast<const __m256i*>(high_table)),
                                _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half));
        hits = _mm256_and_si256(hits, _mm256_and_si256(low, high));
      }
      all = _mm256_or_si256(all, hits);
    }
    const auto none =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_setzero_si256())));
    if (none != 0xFFFFFFFF) {
      const size_t place = first_exact(text.data() + from, ~none);
      if (place != std::string_view::npos) return from + place;
    }
    from += width;
  }
  return find_portable(text, from);
}

__attribute__((target("avx512bw"))) size_t find_avx512(std::string_view text, size_t from) {
  constexpr size_t width = sizeof(__m512i);
  const __m512i half = _mm512_set1_epi8(15);
  while (from + width + candidate_bytes - 1 <= text.size()) {
    __m512i all = _mm512_setzero_si512();
    for (const auto& tables : nibble_tables) {
      __m512i hits = _mm512_set1_epi8(-1);
      for (size_t i = 0; i < candidate_bytes; ++i) {
        const __m512i bytes = _mm512_loadu_si512(text.data() + from + i);
        const __m512i low = _mm512_shuffle_epi8(_mm512_loadu_si512(tables.low[i].data()),
                                                _mm512_and_si512(bytes, half));
        const __m512i high =
            _mm512_shuffle_epi8(_mm512_loadu_si512(tables.high[i].data()),
                                _mm512_and_si512(_mm512_srli_epi16(bytes, 4), half));
        hits = _mm512_and_si512(hits, _mm512_and_si512(low, high));
      }
      all = _mm512_or_si512(all, hits);
    }
    if (const uint64_t places = _mm512_test_epi8_mask(all, all); places != 0) {
      const size_t place = first_exact(text.data() + from, places);
      if (place != std::string_view::npos) return from + place;
    }
    from += width;
  }
  return find_portable(text, from);
}

#endif

}  // namespace

uint64_t patterns_at(const char* bytes) { return exact_at(bytes); }

Rule rule_of(size_t pattern) { return patterns[pattern].rule; }

std::span<const CandidateFinder> candidate_finders() {
#if defined(__x86_64__)
  static constexpr std::array all{&find_portable, &find_ssse3, &find_avx2, &find_avx512};
  const CpuFeatures& cpu = cpu_features();
  if (cpu.avx512bw) return all;
  if (cpu.avx2) return std::span(all).first(3);
  if (cpu.ssse3) return std::span(all).first(2);
  return std::span(all).first(1);
#else
  static constexpr std::array all{&find_portable};
  return all;
#endif
}

CandidateFinder candidate_finder() { return candidate_finders().back(); }

}  // namespace jetpack::support
