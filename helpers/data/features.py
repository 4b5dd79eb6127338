"""The columns of the course's datasets, as `datasets.Features`, and the names of their classes.

Each function makes the features when it is called: `datasets` takes a second to import.
"""

CONLL_TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
EMOTIONS = ["anger", "joy", "optimism", "sadness"]  # of TweetEval
BASIC_EMOTIONS = ["anger", "fear", "joy", "sadness"]  # of BRIGHTER, as far as the course uses them
STANCES = ["none", "against", "favor"]
POLARITIES = ["neg", "pos"]
INTENTS = (  # noqa: SIM905 (in the order of their numbers on the Hub; as a list they would take sixty lines)
    "datetime_query iot_hue_lightchange transport_ticket takeaway_query qa_stock general_greet recommendation_events "
    "music_dislikeness iot_wemo_off cooking_recipe qa_currency transport_traffic general_quirky weather_query "
    "audio_volume_up email_addcontact takeaway_order email_querycontact iot_hue_lightup recommendation_locations "
    "play_audiobook lists_createoradd news_query alarm_query iot_wemo_on general_joke qa_definition social_query "
    "music_settings audio_volume_other calendar_remove iot_hue_lightdim calendar_query email_sendemail iot_cleaning "
    "audio_volume_down play_radio cooking_query datetime_convert qa_maths iot_hue_lightoff iot_hue_lighton "
    "transport_query music_likeness email_query play_music audio_volume_mute social_post alarm_set qa_factoid "
    "calendar_set play_game alarm_remove lists_remove transport_taxi recommendation_movies iot_coffee music_query "
    "play_podcasts lists_query"
).split()


def conll():
    from datasets import ClassLabel, Features, List, Value

    return Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=CONLL_TAGS))}
    )


def massive():
    from datasets import ClassLabel, Features, Value

    return Features({"id": Value("string"), "text": Value("string"), "label": ClassLabel(names=INTENTS)})


def requests():
    from datasets import Features, Value

    return Features({"text": Value("string")})


def chats():
    from datasets import Features, Value

    return Features({"user_input": Value("string"), "toxicity": Value("int64")})


def classes(names: list[str]):
    from datasets import ClassLabel, Features, Value

    return Features({"text": Value("string"), "label": ClassLabel(names=names)})
