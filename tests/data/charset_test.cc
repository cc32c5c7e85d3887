// Encodings: names, conversion in pieces, what Python's codecs have otherwise than glibc, guesses.
#include "data/charset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iconv.h>

#include <tekio/error.h>
#include <vector>

#include "data/detect_charset.h"
#include "data/scratch_folder.h"

namespace tekio::test {
namespace {

using namespace std::string_literals;

/// UTF-8 text in another encoding.
std::string encoded(const char* library, std::string text) {
  const iconv_t converter = ::iconv_open(library, "UTF-8");
  EXPECT_NE(converter, reinterpret_cast<iconv_t>(-1)) << library;
  std::string out(text.size() * 4 + 16, '\0');
  char *from = text.data(), *to = out.data();
  size_t left = text.size(), room = out.size();
  EXPECT_NE(::iconv(converter, &from, &left, &to, &room), static_cast<size_t>(-1)) << library << " " << text;
  ::iconv(converter, nullptr, nullptr, &to, &room);
  ::iconv_close(converter);
  out.resize(out.size() - room);
  return out;
}

TEST(FindCharset, KnowsPythonsNames) {
  const std::pair<const char*, const char*> cases[] = {
      {"utf-8", "utf-8"},
      {"UTF8", "utf-8"},
      {"u8", "utf-8"},
      {"latin1", "latin1"},
      {"Latin-1", "latin1"},
      {"ISO_8859-1", "latin1"},
      {"iso8859_1", "latin1"},
      {"cp1252", "cp1252"},
      {"windows-1252", "cp1252"},
      {"1252", "cp1252"},
      {"shift_jis", "shift_jis"},
      {"Shift-JIS", "shift_jis"},
      {"sjis", "shift_jis"},
      {"cp932", "cp932"},
      {"ms932", "cp932"},
      {"windows-31j", "cp932"},
      {"euc_jp", "euc-jp"},
      {"EUC-JP", "euc-jp"},
      {"gbk", "gbk"},
      {"cp936", "gbk"},
      {"GB18030", "gb18030"},
      {"koi8_r", "koi8-r"},
      {"utf_16_le", "utf-16le"},
      {"UTF-16LE", "utf-16le"},
      {"utf16", "utf-16"},
      {"big5", "big5"},
      {"euc-kr", "euc-kr"},
      {"macintosh", "mac-roman"},
      {"us-ascii", "ascii"},
      {"latin9", "latin9"},
      {"EBCDIC-US", "ebcdicus"},  // iconv's alone
  };
  for (const auto& [name, canonical] : cases) EXPECT_EQ(find_charset(name).name, canonical) << name;
}

TEST(FindCharset, RefusesTheRest) {
  expect_error(ErrorKind::usage, {"no encoding \"cp1525\"", "cp1252"}, [] { find_charset("cp1525"); });
  expect_error(ErrorKind::usage, {"is shift_jis meant?"}, [] { find_charset("shif_jis"); });
  for (const char* name : {"", " ", "UTF-8//IGNORE", "utf-8//TRANSLIT", "no such thing", "../x", "\xFF"})
    expect_error(ErrorKind::usage, {"there is no encoding"}, [name] { find_charset(name); });
}

TEST(Decoded, IsWhatPythonReads) {
  // bytes.decode(name) by Python 3.11
  const std::tuple<const char*, std::string, const char*> cases[] = {
      {"cp1252", "\x93so\x94 \x96 it\x92s 5 \x80", "“so” – it’s 5 €"},
      {"latin1",
       "\xDC"
       "berschrift\x85",
       "Überschrift\u0085"},
      {"latin9", "\xA4 \xBD", "€ œ"},
      {"cp1251", "\xCF\xF0\xE8\xE2\xE5\xF2", "Привет"},
      {"koi8-r", "\xF0\xD2\xC9\xD7\xC5\xD4", "Привет"},
      {"shift_jis", "C:\\temp~ \x93\xFA\x96{\x83\x5C\xB1", "C:\\temp~ 日本ソｱ"},
      {"cp932", "\x87@\x93\xFA~\\", "①日~\\"},
      {"euc-jp", "\xC6\xFC\xCB\xDC\xA4\xCE\x8E\xB1\x8F\xB0\xA1", "日本のｱ丂"},
      {"gbk", "\xD6\xD0\xB9\xFA", "中国"},
      {"gb18030", "\x81\x30\x81\x30\xD6\xD0", "\u0080中"},
      {"big5", "\xA4\xA4\xA4\xE5", "中文"},
      {"euc-kr", "\xC7\xD1\xB1\xB9", "한국"},
      {"cp949", "\x81\x41\xC7\xD1", "갂한"},
      {"mac-roman", "\x8E\xC6\xF0", "é\u2206\uF8FF"},
      {"mac-cyrillic", "\x8F\xF0\xDF \xFF", "Пря €"},
      {"iso-2022-jp", "a\x1B$BF|K\\\x1B(Bb", "a日本b"},
      {"utf-16le", "a\0\x3D\xD8\x00\xDE"s, "a😀"},
      {"utf-16be", "\0a\xD8\x3D\xDE\x00"s, "a😀"},
      {"utf-32le", "a\0\0\0\x00\xF6\x01\0"s, "a😀"},
  };
  for (const auto& [name, bytes, text] : cases) EXPECT_EQ(decoded(find_charset(name), bytes), text) << name;
}

TEST(Decoded, RefusesWhatPythonRefuses) {
  const std::pair<const char*, std::string> cases[] = {
      {"ascii", "\x80"},
      {"cp1252", "a\x81z"},
      {"cp1252", "\x9D"},
      {"shift_jis", "\x93"},
      {"shift_jis", "\x87@"},
      {"euc-jp", "a\x80z"},
      {"euc-jp", "\xC6"},
      {"euc-kr", "\x81\x41"},
      {"big5", "\x80z"},
      {"gbk", "\xFF"},
      {"utf-16le", "a\0\x3D\xD8z\0"s},
      {"utf-16le", "a\0b"s},
      {"utf-16be", "\xDE\x00\0a"s},
      {"utf-32le", "\0\0\x11\0"s},
      {"cp1253", "\xAA"},
  };
  for (const auto& [name, bytes] : cases) EXPECT_EQ(decoded(find_charset(name), bytes), std::nullopt) << name;
}

TEST(CharsetDecoder, DoesNotDependOnPieces) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "日本語の\\ソ~表ー " + std::to_string(i) + "\n";
  for (const auto& [name, library] :
       std::initializer_list<std::pair<const char*, const char*>>{{"cp932", "CP932"},
                                                                  {"euc-jp", "EUC-JP"},
                                                                  {"gb18030", "GB18030"},
                                                                  {"utf-16le", "UTF-16LE"},
                                                                  {"utf-32be", "UTF-32BE"},
                                                                  {"iso-2022-jp", "ISO-2022-JP"},
                                                                  {"utf-7", "UTF-7"}}) {
    const std::string bytes = encoded(library, text);
    for (const size_t step : {1, 2, 3, 7, 1000}) {
      CharsetDecoder decoder(find_charset(name));
      std::vector<char> out(CharsetDecoder::kLeastRoom);
      std::string read, waiting;
      for (size_t at = 0; at < bytes.size();) {
        waiting += bytes.substr(at, step);
        at += step;
        for (bool more = true; more;) {
          const CharsetDecoder::Step done = decoder.decode(waiting, out);
          ASSERT_NE(done.state, CharsetDecoder::State::malformed) << name << " " << step;
          read.append(out.data(), done.written);
          waiting.erase(0, done.read);
          more = done.state == CharsetDecoder::State::full;
        }
      }
      read.append(out.data(), decoder.finish(out));
      EXPECT_EQ(waiting, "") << name;
      EXPECT_EQ(read, text) << name << " by " << step;
    }
  }
}

TEST(LikelyCharset, RecognisesLanguages) {
  struct Case {
    const char *library, *likely, *text;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"CP1252", "cp1252", "the cook\u2019s soup \u2013 good\n"},
           {"CP1252", "cp1252", "id,Überschrift,text\n"},
           {"CP1252", "cp1252", "Der Prüfer sagte: „Das Maß ist voll“ – und schloß die Tür.\n"},
           {"CP1252", "cp1252", "Élève français, où êtes-vous ? Il a été très réservé à l’école.\n"},
           {"CP1252", "cp1252", "El niño comió más rápido que su compañera el año pasado. ¿Qué pasó?\n"},
           {"CP1250", "cp1250", "Żaden pacjent nie zgłosił się później, ponieważ ból głowy ustąpił.\n"},
           {"ISO-8859-2", "latin2", "Żaden pacjent nie zgłosił się później, ponieważ ból głowy ustąpił.\n"},
           {"CP1250", "cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy a pacient měl horečku.\n"},
           {"CP1251", "cp1251", "Больной жалуется на сильную головную боль и слабость.\n"},
           {"KOI8-R", "koi8-r", "Больной жалуется на сильную головную боль и слабость.\n"},
           {"CP866", "cp866", "Больной жалуется на сильную головную боль и слабость.\n"},
           {"CP1253", "cp1253", "Ο ασθενής παραπονιέται για έντονο πονοκέφαλο και αδυναμία.\n"},
           {"CP1254", "cp1254", "Hastanın şiddetli baş ağrısı ve güçsüzlük şikâyeti vardı, ağrısı geçti.\n"},
           {"CP1255", "cp1255", "החולה מתלונן על כאב ראש חזק וחולשה כללית\n"},
           {"CP1256", "cp1256", "يشكو المريض من صداع شديد وضعف عام منذ يومين\n"},
           {"CP874", "cp874", "ผู้ป่วยมีอาการปวดหัวอย่างรุนแรงและอ่อนเพลีย\n"},
           {"CP932", "cp932", "患者は激しい頭痛を訴えています。昨日から熱もあります。\n"},
           {"CP932", "cp932", "日本語\n"},
           {"EUC-JP", "euc-jp", "患者は激しい頭痛を訴えています。昨日から熱もあります。\n"},
           {"GB18030", "gb18030", "病人说他从昨天开始头很痛，没有力气，也不想吃东西。\n"},
           {"BIG5", "big5", "病人說他從昨天開始頭很痛，沒有力氣，也不想吃東西。\n"},
           {"EUC-KR", "euc-kr", "환자는 어제부터 심한 두통이 있고 기운이 없다고 말했다.\n"},
           {"UTF-16LE", "utf-16le", "the doctor said so\n"},
           {"UTF-16BE", "utf-16be", "the doctor said so\n"},
           {"UTF-32LE", "utf-32le", "the doctor said so\n"},
           {"UTF-16BE", "utf-16be", "Пациент поступил в отделение с жалобами на боль в груди.\n"},
           {"UTF-16LE", "utf-16le", "Пациент поступил в отделение с жалобами на боль в груди.\n"},
           {"UTF-32LE", "utf-32le", "Пациент поступил в отделение с жалобами на боль в груди.\n"},
           {"UTF-32BE", "utf-32be", "Пациент поступил в отделение с жалобами на боль в груди.\n"},
           {"UTF-16LE", "utf-16le", "患者は胸の痛みを訴えて来院しました。\n"},
           {"UTF-16BE", "utf-16be", "患者は胸の痛みを訴えて来院しました。\n"},
           {"UTF-16BE", "utf-16be", "病人说他从昨天开始头很痛，没有力气，也不想吃东西。\n"},
           {"ISO-2022-JP", "iso-2022-jp", "患者は激しい頭痛を訴えています。\n"},
           {"MAC-CYRILLIC", "mac-cyrillic", "Больной жалуется на сильную головную боль и слабость.\n"},
           {"KOI8-R", "koi8-r", "БОЛЬНОЙ ЖАЛУЕТСЯ НА СИЛЬНУЮ ГОЛОВНУЮ БОЛЬ И СЛАБОСТЬ.\n"},
           {"CP1251", "cp1251", "БОЛЬНОЙ ЖАЛУЕТСЯ НА СИЛЬНУЮ ГОЛОВНУЮ БОЛЬ И СЛАБОСТЬ.\n"},
           {"CP1251", "cp1251", "ЖАЛОБЫ НА БОЛЬ В ГРУДИ\n"},
           {"CP1252", "cp1252", "the patient’s dose\u00A0was 5 mg\nhe said “no”\n"},
           {"CP1252", "cp1252", "the dose\u00A0was 5 mg\n"},
           {"CP1252", "cp1252", "5\u00A0mg of it\n"},
           {"CP850", "cp850", "El niño comió más rápido que su compañera el año pasado. ¿Qué pasó?\n"},
           {"CP1254", "cp1254", "Hastanın başı ağrıyor.\n"},
           {"CP1250", "cp1250", "A nő az erdőben élő öreg nővel beszélt.\n"},
           {"UTF-8", "utf-8", "患者は激しい頭痛\n"}}) {
    EXPECT_EQ(likely_charset(encoded(c.library, c.text)), c.likely) << c.text;
    const std::string within = "plain lines before it\n" + std::string(c.text) + "and after it\n";
    EXPECT_EQ(likely_charset(encoded(c.library, within)), c.likely) << c.text;
  }
}

/// Capitals of cp1251 and of Greek are small letters of KOI8-R, so a short line of them reads as something there, too.
TEST(LikelyCharset, PrefersTheCommonOneWhereLittleTells) {
  for (const char* text : {"ПРИВЕТ МИР", "ВОЙНА И МИР", "НЕ КУРИТЬ", "МОСКВА", "ВНИМАНИЕ", "СРОЧНО",
                           "МИНИСТЕРСТВО ОБРАЗОВАНИЯ И НАУКИ", "Выход", "война и мир"})
    EXPECT_EQ(likely_charset(encoded("CP1251", text)), "cp1251") << text;
  for (const char* text : {"ΑΘΗΝΑ", "ΔΗΜΟΚΡΑΤΙΑ", "ΥΠΟΥΡΓΕΙΟ ΠΑΙΔΕΙΑΣ", "ΝΕΑ ΤΗΣ ΗΜΕΡΑΣ", "ΠΟΛΕΜΟΣ ΚΑΙ ΕΙΡΗΝΗ",
                           "ΣΑΣ ΕΥΧΑΡΙΣΤΟΥΜΕ ΓΙΑ ΤΗΝ ΑΓΟΡΑ ΣΑΣ", "Καλημέρα κόσμε", "Δημοκρατία"})
    EXPECT_EQ(likely_charset(encoded("CP1253", text)), "cp1253") << text;
  for (const char* text : {"Привет мир", "война и мир", "Не курить", "Отличный фильм", "внимание"})
    EXPECT_EQ(likely_charset(encoded("KOI8-R", text)), "koi8-r") << text;
}

TEST(LikelyCharset, GuessesNothingOfRubbish) {
  std::string rubbish;
  for (uint32_t state = 1, i = 0; i < 5000; ++i)
    rubbish += static_cast<char>((state = state * 1664525 + 1013904223) >> 24 | 1);
  EXPECT_EQ(likely_charset(rubbish), "");
  EXPECT_EQ(likely_charset("caf\xC3\xA9 is fine, this \xC3 is not, na\xC3\xAFve is\n"), "") << "damaged UTF-8";
  EXPECT_EQ(likely_charset("\x81\x8D\n"), "");
}

TEST(LikelyCharset, TellsStrayZerosFromUtf16) {
  const std::string russian = "Пациент поступил в отделение\n", japanese = "患者は胸の痛みを訴えて\n";
  for (const std::string& text : {"the doctor said so\n"s, russian, encoded("CP1251", russian),
                                  encoded("KOI8-R", russian), encoded("CP932", japanese), "caf\xE9 is fine\n"s})
    for (const size_t at : {0u, 1u, 4u, 5u}) {
      std::string many;
      for (int i = 0; i < 20; ++i) many += text;
      many.insert(at, 1, '\0');
      EXPECT_EQ(charset_of_zeros(many), "") << text << at;
    }
}

TEST(LikelyCharset, SaysWhereTwoAreAsLikely) {
  const LikelyCharset close = likely_charsets("\xFE");  // þ or ş, and what not
  EXPECT_NE(close.other, close.name);
  const LikelyCharset either = likely_charsets("na m\xF5te\n");
  EXPECT_THAT((std::vector{either.name, either.other}), testing::UnorderedElementsAre("cp1252", "cp1250"));
  EXPECT_THAT(charset_advice("na m\xF5te\n", Charset()), testing::HasSubstr(" or encoding "));
  EXPECT_EQ(likely_charsets(encoded("CP1251", "Больной жалуется на сильную головную боль.\n")).other, "");
  EXPECT_EQ(likely_charsets(encoded("CP1252", "Élève français, où êtes-vous ? Il a été très réservé.\n")).other, "");
}

TEST(LikelyCharset, AllowsForACutCharacterOnly) {
  EXPECT_EQ(likely_charset("caf\xC3"), "utf-8");
  EXPECT_EQ(likely_charset("\xE6\x97"), "utf-8");
  EXPECT_NE(likely_charset("caf\xE9.\n"), "utf-8");
}

TEST(CharsetAdvice, NeverProposesRubbish) {
  const Charset utf8, cp1252 = find_charset("cp1252");
  EXPECT_EQ(charset_advice("caf\xE9\n", utf8), "it is likely cp1252: encoding cp1252");
  EXPECT_THAT(charset_advice("caf\xC3\xA9, na\xC3\xAFve, \xE9\n", utf8),
              testing::HasSubstr("the rest around it is UTF-8"));
  EXPECT_THAT(charset_advice("caf\xC3\xA9\n", cp1252), testing::HasSubstr("needs no encoding"));
  EXPECT_THAT(charset_advice("\x81\x8D\n", utf8), testing::HasSubstr("not recognised"));
}

}  // namespace
}  // namespace tekio::test
