#include "text/analysis/stop_words.h"

#include <utility>

#include "base/strings.h"

namespace coppice {
namespace {

constexpr std::pair<std::string_view, std::string_view> lists[] = {
    {"english",
     "a an and are as at be but by for if in into is it no not of on or such that the their then there these "
     "they "
     "this to was will with"},
    {"german",
     "aber als am an auch auf aus bei beim bis da damit dann das dass daß dem den denen der deren des dessen "
     "die dies "
     "diese diesem diesen dieser dieses doch du durch ein eine einem einen einer eines er es für gegen hat "
     "hatte hatten "
     "haben ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ist ja jede jedem jeden jeder jedes kann "
     "können man mit "
     "nach nicht noch nun nur ob oder ohne sehr sein seine seinem seinen seiner sich sie sind so sondern "
     "über um und uns "
     "unter vom von vor war waren was weil wenn wer werden wie wir wird wo wurde wurden zu zum zur zwischen"},
    {"french",
     "à au aucun aussi autre aux avec c ce ceci cela ces cet cette ceux comme d dans de depuis des donc dont "
     "du elle "
     "elles en entre est et été étaient était être eu eux fait il ils j je l la le les leur leurs lui m ma "
     "mais me même "
     "mes moi mon n ne ni nos notre nous on ont ou où par pas peu plus pour qu quand que qui s sa sans se "
     "ses si son "
     "sont sous sur t ta te tes toi ton tous tout très tu un une vos votre vous y"},
    {"spanish",
     "a al algo ante antes aunque como con contra cual cuando de del desde donde dos e el él ella ellas "
     "ellos en entre "
     "era eran es esa esas ese eso esos esta está están estas este esto estos fue fueron ha había han hasta "
     "hay la las "
     "le les lo los más me mi mientras muy nada ni no nos o otra otro para pero por porque que qué quien se "
     "ser si sí "
     "sin sino sobre son su sus también tan te tiene todo todos tu tus un una uno unos y ya yo"},
    {"italian",
     "a ad agli ai al alla alle allo anche c che chi ci come con contro cui d da dagli dai dal dalla dalle "
     "dallo degli "
     "dei del della delle dello di dove e è ed era erano essere fra gli ha hanno i il in io l la le lei lo "
     "loro lui ma "
     "mi mia mio ne negli nei nel nella nelle nello noi non nostro o ogni per perché più può quale quando "
     "quella quelle "
     "quelli quello questa queste questi questo qui se sei si sia sono stata stato su sua sue sugli sui sul "
     "sulla sulle "
     "suo suoi ti tra tu tutti tutto un una uno v vi voi"},
    {"portuguese",
     "a à ao aos aquela aquele aqueles as às até com como da das de dela dele deles depois do dos e é ela "
     "elas ele eles "
     "em entre era eram essa esse esta está estão este eu foi foram há isso isto já lhe mais mas me mesmo "
     "meu minha "
     "muito na não nas nem no nos nós num numa o os ou para pela pelas pelo pelos por porque qual quando que "
     "quem são "
     "se sem ser seu seus só sobre sua suas também te tem têm teu um uma umas uns você"},
    {"dutch",
     "aan al als ben bij daar dan dat de den der deze die dit door een en er ge had heb hebben heeft het "
     "hier hij hoe "
     "hun iets ik in is ja je kan kon kunnen maar me meer men met mij mijn na naar niet niets nog nu of om "
     "omdat ons "
     "ook op over te tegen toch toen tot u uit uw van veel voor want waren was wat we wel werd wezen wie wij "
     "wil worden "
     "zal ze zei zelf zich zij zijn zo zonder zou"},
    {"swedish",
     "alla allt att av blev bli blir de dem den denna deras dess det detta dig din du där då efter ej eller "
     "en er ett "
     "för från ha hade han har henne hennes hon honom hur här i icke inte ja jag kan kunde man med men mig "
     "min mot "
     "mycket ni nu när någon något några och om oss på samma sedan sig sin sina som så till under upp ut "
     "utan vad var "
     "vara varit vem vi vid vilken är än åt över"},
    {"danish",
     "ad af alle alt at blev blive bliver da de dem den denne der deres det dette dig din disse dog du efter "
     "eller en "
     "end er et for fra ham han hans har havde hende her hos hun hvad hvis hvor i ikke ind jeg kan kunne man "
     "med men "
     "mig min mod ned noget nogle nu når og også om op os over på sig sin skal skulle som sådan til ud under "
     "var vi vil "
     "ville vor være været"},
    {"norwegian",
     "alle at av ble bli blir da de deg dem den denne der deres det dette di din du eller en er et etter for "
     "fra før "
     "ha hadde ham han hans har henne her hun hva hvem hvor i ikke inn ja jeg kan kom kunne man med meg men "
     "mot mye nå "
     "når noe noen og også om opp oss over på seg selv sin skal skulle som så til ut uten var ved vi vil "
     "ville vår være "
     "vært"},
    {"finnish",
     "ei eivät en ennen että ettei hän he heidän hänen itse ja jo jos joka jotka jossa kanssa koska kuin kun "
     "kuten "
     "me meidän mikä minä mitä mukaan mutta myös ne niiden niin niitä nyt oli olivat olla olen on ovat se "
     "sekä sen siitä "
     "sillä sinä sitä tai te tämä tämän tässä tätä vaan vai vain vielä voi"},
    {"russian",
     "а без более бы был была были было быть в вам вас ведь во вот вы где да даже для до его ее её если есть "
     "еще ещё же "
     "за здесь и из или им их к как ко когда которая которые который кто ли либо меня мне может мы на над "
     "надо нас не "
     "него нее неё нет ни них но ну о об однако он она они оно от очень по под при с сам со так также такой "
     "там то "
     "тогда того тоже той только том ты у уже хотя чего чем что чтобы чье эта эти это этот этого я"},
    {"hungarian",
     "a az ahogy aki ami amely amelyek azok azt be csak de e egy egyes el én és ez ezek ezt fel ha hogy "
     "hogyan is itt "
     "ki le lesz lett maga már meg mert mi miért mint mintha minden most nagyon ne nem nincs ő ők őket pedig "
     "s sem "
     "szerint talán te ti úgy után vagy van vannak vele volt voltak"},
    {"romanian",
     "a acea această aceste acest acești ai al ale am ar are as au avea că care ce cel cele cu cum da dacă "
     "dar de din "
     "după e ea ei el ele era erau este eu fără fi fie fiind fost i în între îi își la lor lui mai nu o or "
     "pe pentru "
     "prin sau să se și sunt său tot un una unde unei unor unui"},
    {"turkish",
     "acaba ama ancak bana bazı belki ben beni benim bir biri biz bize bizim bu buna bunda bundan bunlar "
     "bunu bunun çok "
     "çünkü da daha de değil diye en gibi göre hem hep her hiç için ile ise kadar ki kim mi mı mu mü nasıl "
     "ne neden o "
     "olan olarak oldu olduğu ona ondan onlar onu onun sen siz şey şu ve veya ya yani"},
    {"catalan",
     "a al als amb aquest aquesta aquests com d de del dels des el ella elles ells els en entre era és està "
     "ha han hi "
     "i jo l la les li lo més molt n ni no nosaltres o on per però perquè que qui s se sense ser seu seva si "
     "sobre són "
     "també te tot un una uns vos"},
    {"greek",
     "αλλά αν αντί από αυτά αυτή αυτό αυτός για δεν δε εγώ είναι είχε εκεί εμείς ένα ένας εσύ ή η ήταν θα "
     "και κατά με "
     "μετά μη μην μια μου να ο οι όμως όπως όταν ότι ου πιο που προς πως σαν σε στη στην στο στον στους στις "
     "τα την της "
     "τι τις το τον του τους των ως"},
    {"indonesian",
     "ada adalah agar akan aku anda antara apa atas atau bagi bahwa banyak beberapa belum bisa dalam dan "
     "dari dengan di "
     "dia hanya harus ini itu jika juga kami karena ke kepada kita lagi lebih maka masih mereka oleh pada "
     "para saat "
     "saja sangat saya sebagai secara sedang sudah tapi telah tetapi tidak untuk yang"},
};

}  // namespace

std::vector<std::string> stop_words(std::string_view language) {
  for (const auto& [name, words] : lists)
    if (name == language) return split(words, ' ');
  return {};
}

}  // namespace coppice
