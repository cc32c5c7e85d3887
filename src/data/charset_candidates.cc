#include "data/charset_candidates.h"

namespace tekio {
namespace {

constexpr const char* kFrench = "éèàçêâîôûëïùœ";
constexpr const char* kGerman = "üöäß";
constexpr const char* kSpanish = "áéíóúñü";
constexpr const char* kPortuguese = "ãáçéêóíâõúàô";
constexpr const char* kNordic = "äöåøæé";
constexpr const char* kPolish = "ąćęłńóśźż";
constexpr const char* kCzech = "áčďéěíňóřšťúůýž";
constexpr const char* kHungarian = "áéíóöőúüű";
// Most frequent ones first; what stands behind the space is rare enough to count against.
constexpr const char* kCyrillic = "оеаинтсрвлкмдпуяыьгзбчйхжю шцщэфёіїєґўјљњћђџѓќѕ";
constexpr const char* kGreek = "αοιετσνηυρπκμλςωδγχθφβξζψάέήίόύώϊϋΐΰ";
constexpr const char* kJapanese =
    "のにはをたがでてとしれさいなるあらりこもすかきくまっうけせそだどよわんおえみめやつちじ日一国会人年大十二本中"
    "長出三時行見月分後前生上間東金子外今入学高円小気自者名何女先社地業部力手方学事発場新方語定";
constexpr const char* kSimplified =
    "的一是了不在有人我他这中来上大个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心"
    "多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将"
    "外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被";
constexpr const char* kTraditional =
    "的一是了不在有人我他這中來上大個國到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可她裡後小麼心"
    "多天而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公同三已老從動兩長知民樣現分將"
    "外但身些與高意進把法此實回二理美點月明其種聲全工己話兒者向情部正名定女問力機給等幾很業最間新什打便位因重被";
constexpr const char* kKorean =
    "이다는의에을가고하지한를은로기사도서나리자인어시대해아라그일정수들부전스보게있으면없었까요니만여상제구장주성";
constexpr CharsetCandidate kCandidates[] = {
    {"cp1252", kFrench},
    {"cp1252", kGerman},
    {"cp1252", kSpanish},
    {"cp1252", "àèéìòù"},
    {"cp1252", kPortuguese},
    {"cp1252", kNordic},
    {"cp1252", "ëïéèöüá"},
    {"cp1252", "àéèíïóòúüç"},
    {"cp1252", "áéíóúýðþæö"},
    {"cp1252", "õäöüšž"},
    {"cp932", kJapanese},
    {"euc-jp", kJapanese},
    {"gb18030", kSimplified},
    {"big5", kTraditional},
    {"euc-kr", kKorean},
    {"cp949", kKorean},
    {"cp1251", kCyrillic},
    {"koi8-r", kCyrillic, 0.05, 1},  // its small letters are the capitals of cp1251 and cp1253
    {"koi8-u", kCyrillic, 0.05, 1},
    {"mac-cyrillic", kCyrillic, 0.02, 1.5},  // differs from cp1251 in capitals and in я
    {"cp866", kCyrillic, 0.3},
    {"iso-8859-5", kCyrillic, 0.3},
    {"cp1250", kPolish},
    {"cp1250", kCzech},
    {"cp1250", kHungarian},
    {"cp1250", "áäčďéíľňóôšťúýž"},
    {"cp1250", "čćžšđ"},
    {"cp1250", "ăâîşţ"},
    {"latin2", kPolish},
    {"latin2", kCzech},
    {"latin2", kHungarian},
    {"latin2", "čćžšđ"},
    {"cp1253", kGreek},
    {"cp1254", "çğıöşü"},
    {"cp1255", "יוהלאבתרמשנםדעחקפגכןטסזצךףץ"},
    {"cp1256", "اليمونرتبةعدسفهكحقجشطصخذىضغئءثأزظؤإآپچژگ"},
    {"cp1257", "ąčęėįšųūž"},
    {"cp1257", "āčēģīķļņšūž"},
    {"cp1257", "õäöüšž"},
    {"cp874", "านรอกเงมยวลทดตะสปบคหแพชขใจโ่้ีิัืุ็์ูไำ"},
    {"latin9", kFrench},
    {"mac-roman", kFrench, 0.3},
    {"mac-roman", kGerman, 0.3},
    {"mac-roman", kSpanish, 0.3},
    {"mac-roman", kNordic, 0.3},
    {"cp850", kFrench, 0.3},
    {"cp850", kGerman, 0.3},
    {"cp850", kSpanish, 0.3},
    {"cp850", kPortuguese, 0.3},
    {"cp850", kNordic, 0.3},
};

}  // namespace

std::span<const CharsetCandidate> charset_candidates() { return kCandidates; }

}  // namespace tekio
