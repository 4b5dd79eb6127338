"""What the page says, in the languages of the course."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Words:
    """The texts of one language. `errors` maps a status to a title and a sentence."""

    language: str
    title: str
    lead: str
    label: str
    placeholder: str
    button: str
    positive: str
    negative: str
    rating: str
    probability: str
    percent: str
    truncated: str
    empty: str
    too_long: str
    note: str
    back: str
    errors: dict[int, tuple[str, str]]


ENGLISH = Words(
    language="en",
    title="Film critic",
    lead="Paste a film review in English. The model says whether it is positive, and how many stars it is worth.",
    label="Review",
    placeholder="It starts slowly, but by the end I was in tears…",
    button="Rate",
    positive="Positive",
    negative="Negative",
    rating="{rating} of 10",
    probability="Probability of a positive review",
    percent="{hundredths}%",
    truncated="The review is longer than what the model can read: only a part of it was read.",
    empty="Write a review first.",
    too_long="The review is too long: {most} characters at most.",
    note="The model learned from examples and can be wrong. Texts are not stored.",
    back="To the start",
    errors={
        400: ("Bad request", "The request could not be understood. Go back and try once more."),
        403: ("Not accepted", "The form is out of date. Allow cookies for this page, open it anew and send again."),
        404: ("Not found", "There is no page here."),
        405: ("Not allowed", "This page cannot be asked in this way."),
        413: ("Too long", "More was sent than this page accepts."),
        429: ("Too many requests", "You are faster than the model. Wait a minute and try once more."),
        500: ("Our mistake", "Something went wrong on this side. Try once more, or with another text."),
    },
)
RUSSIAN = Words(
    language="ru",
    title="Кинокритик",
    lead="Вставь отзыв о фильме на английском языке. Модель скажет, положительный ли он и на сколько звёзд он тянет.",
    label="Отзыв",
    placeholder="It starts slowly, but by the end I was in tears…",
    button="Оценить",
    positive="Положительный",
    negative="Отрицательный",
    rating="{rating} из 10",
    probability="Вероятность того, что отзыв положительный",
    percent="{hundredths}\u00a0%",
    truncated="Отзыв длиннее, чем может прочитать модель: учтена только его часть.",
    empty="Сначала напиши отзыв.",
    too_long="Отзыв слишком длинный: допустимо не более {most} символов.",
    note="Модель училась на примерах и может ошибаться. Тексты не сохраняются.",
    back="К началу",
    errors={
        400: ("Неверный запрос", "Не удалось разобрать запрос. Вернись и попробуй ещё раз."),
        403: ("Не принято", "Форма устарела. Разреши этой странице cookie, открой её заново и отправь ещё раз."),
        404: ("Страница не найдена", "Такой страницы нет."),
        405: ("Не разрешено", "К этой странице нельзя обратиться таким способом."),
        413: ("Слишком длинно", "Отправлено больше, чем эта страница принимает."),
        429: ("Слишком много запросов", "Модель за тобой не успевает. Подожди минуту и попробуй ещё раз."),
        500: ("Наша ошибка", "На сервере что-то пошло не так. Попробуй ещё раз или с другим текстом."),
    },
)
SPANISH = Words(
    language="es",
    title="Crítico de cine",
    lead="Pega una reseña de cine en inglés. El modelo dice si es positiva y cuántas estrellas le da a la película.",
    label="Reseña",
    placeholder="It starts slowly, but by the end I was in tears…",
    button="Valorar",
    positive="Positiva",
    negative="Negativa",
    rating="{rating} de 10",
    probability="Probabilidad de que la reseña sea positiva",
    percent="{hundredths}\u00a0%",
    truncated="La reseña es más larga de lo que el modelo puede leer: solo se ha tenido en cuenta una parte.",
    empty="Escribe primero una reseña.",
    too_long="La reseña es demasiado larga: como máximo, {most} caracteres.",
    note="El modelo ha aprendido de ejemplos y puede equivocarse. Los textos no se guardan.",
    back="Volver al inicio",
    errors={
        400: ("Solicitud incorrecta", "No se ha entendido la solicitud. Vuelve atrás e inténtalo de nuevo."),
        403: (
            "No aceptado",
            "El formulario ha caducado. Permite las cookies, abre la página de nuevo y reenvíalo.",
        ),
        404: ("Página no encontrada", "Aquí no hay ninguna página."),
        405: ("No permitido", "A esta página no se puede acceder de esta manera."),
        413: ("Demasiado largo", "Se ha enviado más de lo que esta página acepta."),
        429: ("Demasiadas solicitudes", "Vas más rápido que el modelo. Espera un minuto e inténtalo de nuevo."),
        500: ("Error nuestro", "Algo ha fallado en el servidor. Inténtalo de nuevo o con otro texto."),
    },
)
LANGUAGES = {words.language: words for words in (ENGLISH, RUSSIAN, SPANISH)}
